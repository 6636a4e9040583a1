// What every durability program stands on: an engine in a folder of its own, a database, and a gateway before it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, type EngineEvent, startEngine } from '#storage/engine/engine.ts'
import { engineFolder } from '#storage/engine/files.ts'
import { migrate } from '#storage/migrate.ts'
import type { Server } from '#storage/server.ts'
import { type Bookkeeper, keepBooks } from '#test/soak/account.ts'
import { killAtCommit } from '#test/soak/commit-kill.ts'
import { type Order, type Supervised, superviseGateway } from '#test/soak/supervisor.ts'

export const DATABASE = 'soak'
const LIMIT = 2 ** 30
/** Small, so that there are many inserts. */
const SEGMENT = 2 ** 19

/** `order` is what the gateway was told first. */
export type Ground = {
  order: Order
  engine: SoakEngine
  gateway: Supervised
  books: Bookkeeper
}

/** The engine of the moment, always on the same port. */
export type SoakEngine = {
  /** Kills the process and resolves when another has come up by itself. */
  kill(): Promise<void>
  /** Does so in the middle of a commit; `choose` picks a table, as a number below how many there are. */
  killAtCommit(choose: (among: number) => number): Promise<void>
  /** Stops it in good order and starts it again, after a while. */
  restart(whileAway?: () => Promise<void>): Promise<void>
}

/** Runs `use` there; nothing of it is left behind. */
export async function onGround<Result>(use: (ground: Ground) => Promise<Result>): Promise<Result> {
  return onEngine(async ({ folder, server, engine }) => {
    await using parts = new AsyncDisposableStack()
    const books = await keepBooks(server, DATABASE)
    parts.defer(() => books.close())
    const spool = join(folder, 'spool')
    const order = { server, database: DATABASE, folder: spool, limitBytes: LIMIT, segmentBytes: SEGMENT }
    const gateway = await superviseGateway(order)
    parts.defer(() => gateway.stop())
    return await use({ order, engine, gateway, books })
  })
}

type EngineGround = { folder: string; server: Server; engine: SoakEngine }

/** Only an engine with the tables, and a folder. */
export async function onEngine<Result>(use: (ground: EngineGround) => Promise<Result>): Promise<Result> {
  await using parts = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-soak-'))
  parts.defer(() => rmSync(folder, { recursive: true, force: true }))
  const { engine, server, stop } = await startSoakEngine(join(folder, 'data'))
  parts.defer(stop)
  await migrate(server, DATABASE)
  return await use({ folder, server, engine })
}

async function startSoakEngine(data: string) {
  const heard = new EventTarget()
  const tell = ({ kind }: EngineEvent) => heard.dispatchEvent(new Event(kind))
  let current: Engine = await startEngine({ data, httpPort: 0, tell })
  const { url, user, password } = current
  async function killBy(kill: (pid: number) => void): Promise<void> {
    const back = new Promise((resolve) => heard.addEventListener('restarted', resolve, { once: true }))
    const pid = current.pid()
    if (pid !== null) kill(pid)
    await back
  }
  const engine: SoakEngine = {
    kill: () => killBy((pid) => process.kill(pid, 'SIGKILL')),
    killAtCommit: (choose) => killBy((pid) => killAtCommit(pid, engineFolder(data).store, choose)),
    async restart(whileAway = async () => {}) {
      await current.stop()
      await whileAway()
      current = await startEngine({ data, httpPort: Number(new URL(url).port), tell })
    },
  }
  return { engine, server: { url, user, password }, stop: () => current.stop() }
}
