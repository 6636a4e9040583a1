// The disk below the spool is full. A small tmpfs in a mount namespace of its own stands for it, which needs root or user
// namespaces; a program that sleeps holds it, so that it outlives the gateway.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scene } from '#test/soak/scene.ts'
import { startSenders } from '#test/soak/senders.ts'
import { superviseGateway } from '#test/soak/supervisor.ts'

const MEBIBYTES = 8

export async function fillDisk({ ground: { engine, order }, tally, effort, ...load }: Scene) {
  const folder = join(order.folder, '../disk')
  await using disk = await mountSmall(folder)
  const gateway = await superviseGateway(
    { ...order, folder: join(folder, 'spool'), segmentBytes: 2 ** 18 },
    disk.inside,
  )
  const before = tally.busy
  const refusedMore = async (busy = tally.busy) => {
    while (tally.busy === busy) await delay(10)
  }
  tally.waits.clear()
  try {
    // By the spool itself, which alone can give the space back: the last of it somebody else has taken.
    const senders = startSenders({ ...load, url: gateway.url, tally })
    await engine.restart(async () => {
      await refusedMore()
      await delay(effort.fullMs)
      disk.fill()
      await gateway.kill()
      await refusedMore()
    })
    await senders.finish()
    await gateway.drained()
    disk.clear()
    // By somebody else, while there is nothing to be stored.
    disk.fill()
    await gateway.kill()
    const others = startSenders({ ...load, url: gateway.url, tally })
    await refusedMore()
    disk.clear()
    await delay(effort.fullMs / 2)
    await others.finish()
    await gateway.drained()
  } finally {
    await gateway.stop()
  }
  const faults = [
    ...[...tally.waits].filter((wait) => !/^[123]$/.test(wait)).map((wait) => `Retry-After was ${wait}`),
    ...gateway.seen.said.map((line) => JSON.stringify(line)),
  ]
  return { notes: { diskBytes: disk.bytes, busy: tally.busy - before, waits: [...tally.waits].sort().join() }, faults }
}

type Disk = AsyncDisposable & {
  /** The words that run a command where the disk is. */
  inside(command: string[]): string[]
  bytes: number
  /** Takes the rest of the space, as another program would. */
  fill(): void
  clear(): void
}

/** Throws when this machine lets nobody mount. */
async function mountSmall(folder: string): Promise<Disk> {
  mkdirSync(folder)
  const script = `mount -t tmpfs -o size=${MEBIBYTES}m tmpfs "$0" && echo mounted && exec sleep infinity`
  const holder = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await mounted(holder)
  const seen = `/proc/${holder.pid}/root${folder}`
  const filler = join(seen, 'filler')
  const free = () => {
    const { bavail, bsize } = statfsSync(seen)
    return bavail * bsize
  }
  return {
    bytes: MEBIBYTES * 2 ** 20,
    inside: (command) => ['nsenter', '--user', '--mount', '--preserve-credentials', '-t', `${holder.pid}`, ...command],
    fill: () => writeFileSync(filler, Buffer.alloc(free())),
    clear: () => rmSync(filler, { force: true }),
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL')
      await once(holder, 'exit')
    },
  }
}

async function mounted(holder: ChildProcess): Promise<void> {
  let errors = ''
  holder.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const outcome = await Promise.race([
    once(holder.stdout as NonNullable<ChildProcess['stdout']>, 'data').then(() => 'mounted'),
    once(holder, 'close').then(() => errors),
    once(holder, 'error').then(([error]) => String(error)),
  ])
  if (outcome === 'mounted') return
  throw new Error(`a small disk cannot be made here, which needs root or user namespaces: ${outcome.trim()}`)
}
