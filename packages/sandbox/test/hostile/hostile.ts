import type { Execution, ExecutionLimits, Program } from '@qt/core'

/** A program that means harm. What gets through says so: a line that begins with ESCAPED. */
export interface Hostile extends Pick<Program, 'language' | 'code' | 'command' | 'args' | 'files' | 'stdin'> {
  readonly name: string
  readonly limits?: Partial<ExecutionLimits>
  /** How it has to end; left out: by itself. */
  readonly ended?: readonly Execution['ended'][]
  /** Stopped by the filter of system calls alone. */
  readonly needs?: 'seccomp'
  /** Gets through where there are no walls, and does no harm there: the proof that it is no paper tiger. */
  readonly real?: true
  /** Whether it must come to its last line; a program that is killed need not. */
  readonly finishes?: false
}

/** What Python programs begin with. */
const prelude = `
import ctypes, mmap, os, signal, socket, stat, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result

def attempt(what, action):
    try:
        result = action()
    except (OSError, MemoryError, RuntimeError) as error:
        print('refused', what, error)
    else:
        print('ESCAPED', what, str(result)[:200])

def write(path, text='x'):
    with open(path, 'w') as file:
        file.write(text)

host = os.environ
`

export const python = (name: string, code: string, more: Partial<Hostile> = {}): Hostile => ({
  name,
  language: 'python',
  code: `${prelude}\n${code}\nprint('finished')\n`,
  ...more,
})

export const shell = (name: string, code: string, more: Partial<Hostile> = {}): Hostile => ({
  name,
  language: 'shell',
  code: `${code}\necho finished\n`,
  ...more,
})

export const javascript = (name: string, code: string, more: Partial<Hostile> = {}): Hostile => ({
  name,
  language: 'javascript',
  code: `${code}\nconsole.log('finished')\n`,
  ...more,
})
