import { type Hostile, python, shell } from './hostile.js'

const x64 = "if os.uname().machine != 'x86_64': print('finished'); sys.exit()"

export const kernel: readonly Hostile[] = [
  python(
    'connecting to a server of the host',
    `
def connect():
    with socket.create_connection(('127.0.0.1', int(host['HOST_PORT'])), timeout=3) as connection:
        return connection.recv(100)
attempt('connect', connect)
`,
    { real: true },
  ),
  python(
    'the network',
    `
for address in (('192.0.2.1', 80), ('198.51.100.1', 53)):
    attempt(address, lambda: socket.create_connection(address, timeout=1))
attempt('names', lambda: socket.gethostbyname('example.com'))
def datagram():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))
attempt('datagram', datagram)
if len(open('/proc/net/dev').read().split('\\n')) > 4: print('ESCAPED interfaces')
`,
  ),
  python(
    'sockets below the network',
    `
attempt('packets', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
`,
  ),
  python(
    'sockets to the machine that runs this one',
    `
attempt('vsock', lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt('crypto', lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET))
`,
    { needs: 'seccomp', real: true },
  ),
  python(
    'mounting',
    `
def mount(source, target, kind, flags):
    if libc.mount(source, target, kind, flags, None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
MS_REMOUNT, MS_BIND = 32, 4096
attempt('tmpfs', lambda: mount(b'x', b'/tmp', b'tmpfs', 0))
attempt('remount', lambda: mount(b'x', b'/usr', None, MS_REMOUNT | MS_BIND))
attempt('bind', lambda: mount(b'/tmp', b'/usr', None, MS_BIND))
attempt('umount', lambda: None if libc.umount2(b'/usr', 2) == 0 else (_ for _ in ()).throw(OSError('refused')))
`,
  ),
  python(
    'another root',
    `
os.mkdir('root')
attempt('chroot', lambda: os.chroot('root'))
${x64}
attempt('pivot_root', lambda: call(155, b'root', b'root'))
`,
  ),
  python(
    'new namespaces',
    `
CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET = 0x10000000, 0x20000, 0x40000000
for flags in (CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNS, CLONE_NEWUSER | CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWNET):
    attempt(hex(flags), lambda: None if libc.unshare(flags) == 0 else (_ for _ in ()).throw(OSError('refused')))
`,
  ),
  shell(
    'new namespaces by programs of the system',
    `
unshare --user --map-root-user true 2>/dev/null && echo ESCAPED unshare
bwrap --unshare-all --ro-bind / / true 2>/dev/null && echo ESCAPED bwrap
nsenter -t 1 -a true 2>/dev/null && echo ESCAPED nsenter
`,
  ),
  python(
    'the namespaces of process 1',
    `
for name in ('mnt', 'user', 'pid', 'net'):
    def enter():
        with open(f'/proc/1/ns/{name}') as file:
            if libc.setns(file.fileno(), 0) != 0:
                raise OSError('refused')
    attempt(name, enter)
`,
  ),
  python(
    'parts of the kernel that computing does not need',
    `
${x64}
ENOSYS, EPERM = 38, 1
for name, number in dict(bpf=321, perf_event_open=298, userfaultfd=323, io_uring_setup=425, keyctl=250, open_by_handle_at=304, kexec_load=246, init_module=175, reboot=169, settimeofday=164, iopl=172, swapon=167, acct=163, syslog=103, memfd_secret=447, fsopen=430, open_tree=428, clone3=435, process_vm_readv=310, pidfd_getfd=438).items():
    try:
        call(number, 0, 0, 0, 0, 0)
        print('ESCAPED', name)
    except OSError as error:
        # Any other answer means that the kernel looked at the arguments.
        print('refused' if error.errno in (ENOSYS, EPERM) else 'ESCAPED', name, error)
`,
    { needs: 'seccomp' },
  ),
  python(
    'system calls of 32 bits, which filters by number would miss',
    `
${x64}
pid = os.fork()
if pid == 0:
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')  # mov eax, 20 (getpid); int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    os._exit(0 if function() > 0 else 1)
_, status = os.waitpid(pid, 0)
print('ESCAPED' if status == 0 else 'refused', status)
`,
    { needs: 'seccomp' },
  ),
  python(
    'the name and the clock of the machine',
    `
attempt('name', lambda: socket.sethostname('mine'))
attempt('clock', lambda: time.clock_settime(time.CLOCK_REALTIME, 0))
`,
  ),
  python(
    'typing into the terminal',
    `
import fcntl, termios
attempt('tty', lambda: open('/dev/tty'))
for number in (0, 1, 2):
    attempt('TIOCSTI', lambda: fcntl.ioctl(number, termios.TIOCSTI, b'x'))
`,
  ),
]
