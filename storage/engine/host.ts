// The program of the engine's own process: it loads ClickHouse out of the npm package `chdb` and becomes a server.
// It is told what to do in one message, because the call below never gives the event loop back.

import { dlopen, getRawPointer } from 'node:ffi'
import { Worker } from 'node:worker_threads'

/** `library` is libchdb.so, `argv` what would be the command line of `clickhouse local`. */
export type EngineOrder = { library: string; argv: string[]; parent: number }

process.once('message', (order: EngineOrder) => {
  dieWithParent(order.parent)
  serve(order)
})

/** Blocks until the engine gives up; every return is a failure, whose reason it has written to stderr. */
function serve({ library, argv }: EngineOrder): void {
  const { functions } = dlopen(library, {
    query_stable_v2: { return: 'pointer', arguments: ['i32', 'pointer'] },
  })
  const words = argv.map((word) => Buffer.from(`${word}\0`))
  const pointers = BigUint64Array.from([...words.map((word) => getRawPointer(word)), 0n])
  functions.query_stable_v2(words.length, getRawPointer(pointers))
  process.kill(process.pid, 'SIGTERM')
}

/** Nothing stays behind, also when the parent is killed with -9 and can tell nobody. */
function dieWithParent(parent: number): void {
  if (process.platform === 'linux') {
    const PR_SET_PDEATHSIG = 1
    const SIGTERM = 15n
    const { functions } = dlopen('libc.so.6', {
      prctl: { return: 'i32', arguments: ['i32', 'u64', 'u64', 'u64', 'u64'] },
    })
    functions.prctl(PR_SET_PDEATHSIG, SIGTERM, 0n, 0n, 0n)
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  } else {
    new Worker(`(${watchParent})(${parent})`, { eval: true })
  }
}

/** Elsewhere a second thread looks for the parent twice a second, while the first belongs to ClickHouse. */
function watchParent(parent: number): void {
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, 500)
}
