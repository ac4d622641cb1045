import { type Hostile, javascript, python, shell } from './hostile.js'

export const files: readonly Hostile[] = [
  python("reading the host's files", `attempt('secret', lambda: open(host['HOST_FILE']).read())`, { real: true }),
  javascript(
    "reading the host's files from JavaScript",
    `
const { readFileSync } = await import('node:fs')
try { console.log('ESCAPED', readFileSync(process.env.HOST_FILE, 'utf8')) } catch (error) { console.log('refused', error.code) }
`,
    { real: true },
  ),
  python(
    'reading homes, passwords, logs and keys',
    `
for path in ('/root', '/home', '/etc/shadow', '/etc/passwd', '/etc/ssh', '/var/log', '/run', '/boot', '/sys', '/srv', '/opt', '/mnt', host['REAL_HOME']):
    if path.startswith('/tmp'): continue
    attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path).read())
`,
    { real: true },
  ),
  python(
    'reading the environment of whoever started it',
    `
for name, value in os.environ.items():
    if 'host secret' in value: print('ESCAPED', name)
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        content = open(f'/proc/{pid}/environ', 'rb').read()
    except OSError as error:
        print('refused', pid, error)
        continue
    if b'host secret' in content: print('ESCAPED', pid)
`,
    { real: true },
  ),
  python('writing over a file of the host', `attempt('write', lambda: write(host['HOST_FILE'], 'gone'))`),
  python(
    'deleting a file of the host',
    `
attempt('unlink', lambda: os.unlink(host['HOST_FILE']))
attempt('rename', lambda: os.rename(os.path.dirname(host['HOST_FILE']), '/tmp/mine'))
`,
  ),
  shell(
    'deleting everything it finds',
    `
rm -rf "$(dirname "$HOST_FILE")" /usr/share/doc /usr/local /etc /dev/shm/* "$REAL_HOME/no-such-folder" 2>/dev/null
[ -d /usr/local ] && [ -e /etc/ld.so.cache ] || echo ESCAPED
`,
  ),
  python(
    'writing into the system',
    `
for path in ('/x', '/usr/x', '/usr/bin/x', '/usr/local/bin/x', '/etc/x', '/dev/x', '/bin/x', '/lib/x', '/proc/x', '/proc/sys/kernel/hostname', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger'):
    attempt(path, lambda: write(path))
attempt('chmod', lambda: os.chmod('/usr/bin', 0o777))
attempt('utime', lambda: os.utime('/usr/bin/env'))
`,
  ),
  python(
    'links to what lies outside',
    `
os.symlink(host['HOST_FILE'], 'link')
attempt('read', lambda: open('link').read())
attempt('write', lambda: write('link', 'gone'))
os.symlink(os.path.dirname(host['HOST_FILE']), 'folder')
attempt('list', lambda: os.listdir('folder'))
attempt('dots', lambda: open('../' * 40 + host['HOST_FILE'].lstrip('/')).read())
`,
  ),
  python(
    'hard links to programs that change the user',
    `
for path in ('/usr/bin/su', '/usr/bin/passwd', '/usr/bin/mount', '/etc/ld.so.cache'):
    attempt(path, lambda: os.link(path, 'mine'))
`,
  ),
  python(
    'the root folders of other processes',
    `
for pid in (1, os.getppid(), 'self', 'thread-self'):
    for way in ('root', 'cwd', 'fd/../root'):
        attempt(f'{pid} {way}', lambda: open(f'/proc/{pid}/{way}' + host['HOST_FILE']).read())
    attempt(f'{pid} exe', lambda: open(f'/proc/{pid}/exe', 'r+b'))
`,
  ),
  python(
    'open files that were left to it',
    `
for name in os.listdir('/proc/self/fd'):
    number = int(name)
    if number < 3: continue
    try:
        target = os.readlink(f'/proc/self/fd/{number}')
    except OSError:
        continue
    if target != '/dev/null' and not target.startswith('/proc/'): print('ESCAPED', number, target)
`,
  ),
  python(
    'devices',
    `
attempt('mknod', lambda: os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)))
attempt('mknod', lambda: os.mknod('memory', 0o600 | stat.S_IFCHR, os.makedev(1, 1)))
for name in ('sda', 'vda', 'nvme0n1', 'mem', 'kmem', 'kmsg', 'port', 'kvm', 'vsock', 'fuse', 'loop-control', 'net/tun', 'tty0', 'tty'):
    attempt(name, lambda: open(f'/dev/{name}', 'rb', buffering=0))
`,
  ),
  python(
    'sockets of services of the host',
    `
for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/systemd/private', '/run/dbus/system_bus_socket', host['HOST_SOCKET']):
    attempt(path, lambda: socket.socket(socket.AF_UNIX).connect(path))
`,
    { real: true },
  ),
]
