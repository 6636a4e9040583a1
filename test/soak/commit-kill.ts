// A thread that kills the engine in the moment in which a table's deduplication log grows: the token of an insert is then
// written, and the part it stands for may not have its name yet. Only looking all the time is fast enough for that.

import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

/** `log` is a deduplication log, `pid` who is killed when it grows, at the latest after `patienceMs`. */
type CommitKill = { pid: number; log: string; patienceMs: number }

const PATIENCE_MS = 5_000

/** Kills the engine at a commit into one of the tables that has had some; `choose` picks a number below `among`. */
export function killAtCommit(pid: number, store: string, choose: (among: number) => number): void {
  const logs = globSync('store/*/*/deduplication_logs/deduplication_log_*.txt', { cwd: store })
    .map((path) => join(store, path))
    .filter((path) => statSync(path).size > 0)
  const log = logs[choose(logs.length)]
  if (log === undefined) process.kill(pid, 'SIGKILL')
  else new Worker(new URL(import.meta.url), { workerData: { pid, log, patienceMs: PATIENCE_MS } satisfies CommitKill })
}

function watch({ pid, log, patienceMs }: CommitKill): void {
  const before = statSync(log).size
  const deadline = performance.now() + patienceMs
  while (statSync(log).size === before && performance.now() < deadline);
  process.kill(pid, 'SIGKILL')
}

if (!isMainThread) watch(workerData)
