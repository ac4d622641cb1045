import { type Hostile, javascript, python } from './hostile.js'

// Each is bounded by itself, so that a wall with a hole does not take the machine down.
export const resources: readonly Hostile[] = [
  python(
    'fork bomb',
    `
children = 0
try:
    for _ in range(300):
        if os.fork() == 0:
            time.sleep(3)
            os._exit(0)
        children += 1
    print('ESCAPED', children)
except OSError as error:
    print('refused after', children, error)
if children > 40: print('ESCAPED', children)
`,
    { limits: { processes: 40 } },
  ),
  python(
    'fork bomb whose every process forks',
    `
end = time.time() + 2
while time.time() < end:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
time.sleep(1)
with open('/proc/loadavg') as file:
    total = len([name for name in os.listdir('/proc') if name.isdigit()])
if total > 45: print('ESCAPED', total)
`,
    { limits: { processes: 40 } },
  ),
  python(
    'thread bomb',
    `
threads = 0
try:
    for _ in range(300):
        threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
        threads += 1
    print('ESCAPED', threads)
except RuntimeError as error:
    print('refused after', threads, error)
`,
    { limits: { processes: 40 } },
  ),
  python(
    'memory bomb in one process',
    `
blocks = []
try:
    for _ in range(40):
        blocks.append(b'x' * (1 << 25))
    print('ESCAPED', len(blocks))
except MemoryError:
    print('refused after', len(blocks))
`,
  ),
  python(
    'memory bomb spread over processes, each below its own limit',
    `
for _ in range(6):
    if os.fork() == 0:
        block = b'x' * (100 << 20)
        time.sleep(20)
        os._exit(0)
time.sleep(20)
print('ESCAPED')
`,
    { ended: ['memory'], finishes: false },
  ),
  python(
    'memory bomb in shared mappings, which no limit of a process counts',
    `
block = mmap.mmap(-1, 700 << 20)
for at in range(0, len(block), 4096):
    block[at] = 1
time.sleep(20)
print('ESCAPED')
`,
    { ended: ['memory'], finishes: false },
  ),
  python('memory in files without a name', `attempt('memfd', lambda: os.memfd_create('x'))`, { needs: 'seccomp', real: true }),
  python(
    'memory in System V segments',
    `
if os.uname().machine == 'x86_64':
    attempt('shmget', lambda: call(29, 0, ctypes.c_long(700 << 20), 0o1600))
`,
    { needs: 'seccomp' },
  ),
  python(
    'filling /dev/shm',
    `
def fill():
    for i in range(40):
        write(f'/dev/shm/{i}', 'x' * (10 << 20))
attempt('fill', fill)
`,
  ),
  python('one large file', `attempt('file', lambda: write('large', 'x' * (40 << 20)))`, { limits: { fileBytes: 16 << 20 } }),
  python(
    'many files',
    `
def fill():
    for i in range(30):
        write(f'{i}', 'x' * (10 << 20))
attempt('fill', fill)
`,
  ),
  python(
    'a file with a hole of a tebibyte',
    `
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = open('hole', 'w')
attempt('truncate', lambda: file.truncate(1 << 40))
`,
  ),
  python(
    'empty files without end',
    `
def fill():
    for i in range(200000):
        os.close(os.open(f'{i}', os.O_CREAT))
attempt('fill', fill)
`,
    { ended: ['disk', 'exited'], finishes: false },
  ),
  python(
    'many open files',
    `
files = []
def open_all():
    for _ in range(2000):
        files.append(os.open('/dev/null', os.O_RDONLY))
attempt('open', open_all)
del files[:]
`,
    { limits: { openFiles: 64 } },
  ),
  python(
    'raising its own limits',
    `
import resource
for name in ('RLIMIT_NPROC', 'RLIMIT_DATA', 'RLIMIT_FSIZE', 'RLIMIT_CPU', 'RLIMIT_NOFILE'):
    number = getattr(resource, name)
    soft, hard = resource.getrlimit(number)
    if hard == resource.RLIM_INFINITY: print('ESCAPED', name, 'has no limit')
    def raise_it():
        try:
            resource.setrlimit(number, (hard + 1, hard + 1))
        except ValueError as error:
            raise OSError(str(error))
    attempt(name, raise_it)
`,
  ),
  python('busy loop', 'while True: pass', { limits: { cpuSeconds: 1, wallSeconds: 60 }, ended: ['cpu'], finishes: false }),
  python(
    'busy loop that ignores the signal of its limit',
    `
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
while True: pass
`,
    { limits: { cpuSeconds: 1, wallSeconds: 60 }, ended: ['cpu', 'exited'], finishes: false },
  ),
  python(
    'busy loops in children, each below its own limit',
    `
for _ in range(20):
    if os.fork() == 0:
        end = time.process_time() + 0.8
        while time.process_time() < end: pass
        os._exit(0)
for _ in range(20): os.wait()
print('ESCAPED')
`,
    { limits: { cpuSeconds: 2, wallSeconds: 90 }, ended: ['cpu'], finishes: false },
  ),
  python('flood of output', "while True: os.write(1, b'x' * 65536)", { ended: ['output'], finishes: false }),
  python('flood of errors', "while True: os.write(2, b'x' * 65536)", { ended: ['output'], finishes: false }),
  python('bytes that are no text', "os.write(1, bytes(range(256)) * 10 + b'\\n')"),
  python('a huge command line', `attempt('argv', lambda: subprocess.run(['/bin/true', 'x' * (3 << 20)], check=True))`),
  python(
    'a stack without bottom',
    `
pid = os.fork()
if pid == 0:
    sys.setrecursionlimit(10**9)
    def down(): return down() + 1
    down()
    os._exit(0)
_, status = os.waitpid(pid, 0)
if status == 0: print('ESCAPED')
if os.path.exists('core'): print('ESCAPED core')
`,
    { ended: ['exited', 'memory'], finishes: false },
  ),
  // As many as take seconds: where files are counted by looking, a short burst ends before the first look, and harms nothing.
  python(
    'folders in folders in folders',
    `
def deep():
    for _ in range(1_000_000):
        os.mkdir('d')
        os.chdir('d')
attempt('mkdir', deep)
`,
    { ended: ['disk', 'exited'], finishes: false },
  ),
  javascript(
    'memory bomb in JavaScript',
    `
const { spawnSync } = await import('node:child_process')
const { status } = spawnSync(process.execPath, ['-e', 'const a = []; for (let i = 0; i < 200; i++) a.push(new Uint8Array(1 << 23).fill(1)); console.log(a.length)'])
if (status === 0) console.log('ESCAPED')
`,
  ),
]
