/** Names that are no words of their own. */
export const characterNames = [
  ...['Aldric', 'Brisa', 'Cedany', 'Dorvik', 'Elowyn', 'Farid', 'Gisela', 'Haldor', 'Ilka', 'Jessamy', 'Kaelen', 'Lirael'],
  ...['Magnus', 'Nadira', 'Orsolya', 'Pavel', 'Quenna', 'Rolf', 'Selene', 'Torvald', 'Ulrika', 'Vesper', 'Wystan', 'Xanthe'],
  ...['Yorick', 'Zelda', 'Ambrus', 'Bethan', 'Corin', 'Delphine', 'Edda', 'Fabian', 'Greta', 'Hamish', 'Ingrid', 'Joachim'],
  ...['Katrin', 'Leif', 'Mirabel', 'Niklas', 'Odette', 'Piers', 'Rasmus', 'Sabine', 'Tancred', 'Ursula', 'Valerian', 'Wenna'],
  ...['Anouk', 'Bertrand', 'Clotilde', 'Dagny', 'Emrys', 'Freya', 'Gareth', 'Hilde', 'Ivo', 'Jorah', 'Kirsa', 'Lothar'],
] as const

/** The last of a name of two words; no words of their own either. */
export const familyNames = [
  ...['Ashdown', 'Belgrave', 'Corbray', 'Dunmarrow', 'Everleigh', 'Fennimore', 'Garrick', 'Hathersage', 'Ilverton', 'Jarrow'],
  ...['Kestlemere', 'Lanyon', 'Merrow', 'Nethercott', 'Orrick', 'Penrose', 'Quillon', 'Ravensby', 'Selwyn', 'Tarrant'],
  ...['Underhay', 'Varley', 'Wolcott', 'Yardley', 'Zennor', 'Amblecote', 'Brandreth', 'Carrow', 'Dearden', 'Eversholt'],
] as const

/** What stands before a name and stays: ranks, callings and kin. */
export const titles: ReadonlySet<string> = new Set([
  ...['sir', 'dame', 'lord', 'lady', 'king', 'queen', 'prince', 'princess', 'duke', 'duchess', 'count', 'countess', 'baron'],
  ...['baroness', 'viscount', 'marquis', 'marquess', 'emperor', 'empress', 'knight', 'squire', 'chancellor', 'counsellor'],
  ...['councillor', 'ambassador', 'envoy', 'governor', 'mayor', 'judge', 'justice', 'magistrate', 'sheriff', 'constable'],
  ...['chief', 'chieftain', 'elder', 'captain', 'corporal', 'sergeant', 'private', 'lieutenant', 'colonel', 'major', 'general'],
  ...['admiral', 'commander', 'commodore', 'marshal', 'bosun', 'inspector', 'detective', 'agent', 'guard', 'abbot', 'abbess'],
  ...['bishop', 'archbishop', 'cardinal', 'pope', 'curate', 'vicar', 'parson', 'pastor', 'reverend', 'rev', 'friar', 'deacon'],
  ...['saint', 'st', 'prior', 'prioress', 'monk', 'nun', 'priest', 'priestess', 'druid', 'wizard', 'witch', 'warlock', 'mage'],
  ...['archmage', 'sorcerer', 'sorceress', 'bard', 'ranger', 'oracle', 'doctor', 'dr', 'professor', 'prof', 'nurse', 'healer'],
  ...['mr', 'mrs', 'ms', 'miss', 'mx', 'mister', 'missus', 'master', 'mistress', 'madam', 'madame', 'mademoiselle', 'monsieur'],
  ...['herr', 'frau', 'fraulein', 'fräulein', 'signor', 'signora', 'señor', 'señora', 'don', 'doña', 'goodman', 'goodwife'],
  ...['mother', 'father', 'brother', 'sister', 'uncle', 'aunt', 'auntie', 'cousin', 'grandmother', 'grandfather', 'granny'],
  ...['gran', 'grandpa', 'grandma', 'nana', 'papa', 'mama', 'tante', 'onkel', 'nanny', 'widow', 'widower', 'cook', 'chef'],
  'ratcatcher',
])

/** What people are called for their looks and ways stays, too. */
export const looks: ReadonlySet<string> = new Set([
  ...['old', 'young', 'big', 'little', 'small', 'tall', 'long', 'fat', 'thin', 'great', 'good', 'mad', 'blind'],
  ...['poor', 'dear', 'wise', 'brave', 'bold', 'black', 'white', 'red', 'grey', 'gray', 'green', 'blue', 'lucky', 'one-eyed'],
])

export const races = ['Human', 'Elf', 'Dwarf', 'Halfling', 'Gnome', 'Half-Elf', 'Half-Orc', 'Tiefling', 'Dragonborn'] as const

/** A beginning, and an end. */
export const placeSounds = [
  [
    'Bran',
    'Cor',
    'Dun',
    'Eld',
    'Fal',
    'Grim',
    'Hal',
    'Kell',
    'Lor',
    'Mar',
    'Nor',
    'Os',
    'Pel',
    'Raven',
    'Stor',
    'Thal',
    'Ver',
    'Wyn',
  ],
  ['mere', 'ford', 'wick', 'holm', 'dale', 'moor', 'gate', 'haven', 'stead', 'ridge', 'croft', 'wold', 'march', 'burn'],
] as const

/** Any of a group can stand where another stands: the same article, the same use. */
export const itemGroups: readonly (readonly string[])[] = [
  ['silver pen', 'brass ruler', 'bone quill', 'jade brush'],
  ['honey jar', 'jam jar', 'butter crock', 'spice box'],
  ['iron key', 'copper key', 'bone key', 'bronze key'],
  ['crown of reeds', 'crown of thorns', 'wreath of ivy'],
  ['white candle', 'red candle', 'tall candle'],
  ['blue ribbon', 'green ribbon', 'yellow ribbon', 'purple ribbon'],
  ['holy water', 'lamp oil', 'salt water'],
  ['healing potion', 'healing draught', 'healing elixir'],
  ['tea tin', 'coffee tin', 'sugar bowl'],
  ['smoke vial', 'smoke bomb', 'smoke pot'],
  ['heron mask', 'raven mask', 'badger mask', 'stag mask'],
  ['glowing pear', 'glowing plum', 'glowing fig'],
  ['feathered hat', 'plumed hat', 'velvet hat'],
  ['soup bowl', 'stew bowl', 'soup pot'],
  ['dried figs', 'dried plums', 'dried cherries', 'salted nuts'],
  ['apple tart', 'cherry tart', 'plum tart', 'meat pie'],
  ['bread knife', 'cheese knife', 'pocket knife'],
  ['saffron', 'cinnamon', 'pepper', 'cardamom'],
  ['vinegar', 'brandy', 'rosewater'],
  ['mainspring', 'flywheel', 'cog wheel'],
  ['catalogue card', 'library card', 'reading slip'],
  ['chalice', 'goblet', 'platter'],
]

/** Ways to begin an attempt. */
export const attemptOpenings = [
  'I try to',
  'I attempt to',
  'Let me try to',
  'I want to',
  'I would like to',
  'I do my best to',
] as const
