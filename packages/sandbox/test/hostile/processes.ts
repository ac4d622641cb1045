import { type Hostile, javascript, python, shell } from './hostile.js'

export const processes: readonly Hostile[] = [
  python(
    'seeing other processes',
    `
pids = [name for name in os.listdir('/proc') if name.isdigit()]
if len(pids) > 5: print('ESCAPED', pids)
`,
    { real: true },
  ),
  python('killing a process of the host', `attempt('kill', lambda: os.kill(int(host['HOST_PID']), 0))`, { real: true }),
  python(
    'killing its parent',
    `
os.kill(1, signal.SIGTERM)
os.kill(1, signal.SIGKILL)
time.sleep(0.3)
os.kill(1, 0)
`,
  ),
  python('killing everyone', `os.kill(-1, signal.SIGKILL)`, { finishes: false }),
  javascript(
    'killing its parent from JavaScript',
    `
try { process.kill(Number(process.env.HOST_PID), 0); console.log('ESCAPED') } catch (error) { console.log('refused', error.code) }
`,
    { real: true },
  ),
  python(
    'ignoring every signal',
    `
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
time.sleep(30)
print('ESCAPED')
`,
    { limits: { wallSeconds: 2 }, ended: ['wall'], finishes: false },
  ),
  python(
    'a daemon that stays behind',
    `
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        time.sleep(60)
    os._exit(0)
`,
  ),
  shell('a child that keeps the output open', 'sleep 60 &'),
  shell('a command without end that was started with nohup', 'nohup sh -c "while :; do sleep 1; done" >/dev/null 2>&1 &'),
  python(
    'stopping itself',
    `
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
`,
    { limits: { wallSeconds: 2 }, ended: ['wall'], finishes: false },
  ),
  python(
    'looking into other processes',
    `
PTRACE_ATTACH = 16
def attach(pid):
    if libc.ptrace(PTRACE_ATTACH, pid, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
for pid in (1, int(host['HOST_PID'])):
    attempt(f'ptrace {pid}', lambda: attach(pid))
    attempt(f'memory {pid}', lambda: open(f'/proc/{pid}/mem', 'rb'))
`,
  ),
  python(
    'tracing a child',
    `
pid = os.fork()
if pid == 0:
    time.sleep(5)
    os._exit(0)
attempt('ptrace', lambda: None if libc.ptrace(16, pid, 0, 0) == 0 else (_ for _ in ()).throw(OSError('refused')))
os.kill(pid, signal.SIGKILL)
`,
    { needs: 'seccomp', real: true },
  ),
  python(
    'going before others',
    `
attempt('nice', lambda: os.nice(-20))
attempt('real time', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
attempt('oom', lambda: write('/proc/self/oom_score_adj', '-1000'))
`,
  ),
  python(
    'becoming another user',
    `
for user in (1, 1000, 65534):
    attempt(f'setuid {user}', lambda: os.setuid(user))
    attempt(f'setgid {user}', lambda: os.setgid(user))
attempt('groups', lambda: os.setgroups([0, 1]))
`,
  ),
  shell(
    'programs that change the user',
    `
cp /usr/bin/id mine && chmod 6755 mine
for program in su sudo pkexec newgrp passwd mount umount; do
  "/usr/bin/$program" </dev/null >/dev/null 2>&1 && [ "$program" != mount ] && echo "ESCAPED $program"
done
grep -q '^NoNewPrivs:.1' /proc/self/status || echo 'ESCAPED: new privileges are possible'
grep -qE '^Cap(Eff|Prm|Bnd|Amb):.0*$' /proc/self/status || echo 'ESCAPED: it has capabilities'
`,
  ),
]
