// Keeps a gateway process running the way an operator's supervisor does, and says what it reports.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GatewayLine, GatewayOrder } from '#test/soak/gateway.ts'
import { within } from '#test/soak/patience.ts'

export type Order = Omit<GatewayOrder, 'die' | 'port'>
export type Death = NonNullable<GatewayOrder['die']>

export type Supervised = {
  url: string
  /** Of the gateways so far. `said` are the lines that a sound run has none of. */
  seen: { repeated: number; retrying: number; retry: string | null; said: GatewayLine[] }
  /** Replaces the running gateway by one that dies so; resolves when it has, and its successor is ready. */
  dieOnce(death: Death): Promise<void>
  /** Resolves when the successor is ready. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Ends the gateway; nothing follows until `start`, which may change what it is told from then on. */
  stop(signal?: NodeJS.Signals): Promise<void>
  start(changes?: Partial<Order>): Promise<void>
  /** Resolves at the next moment a segment is being posted. */
  posting(): Promise<void>
  /** Resolves when everything accepted is stored. */
  drained(): Promise<void>
  spoolBytes(): number
}

/** `wrap` may put other words before the command, as `unshare` does. */
type Wrap = (command: string[]) => string[]

type Running = { child: ChildProcess; ready: Promise<void>; exited: Promise<unknown[]> }

export async function superviseGateway(first: Order, wrap: Wrap = (command) => command): Promise<Supervised> {
  const port = await freePort()
  let order = first
  const seen: Supervised['seen'] = { repeated: 0, retrying: 0, retry: null, said: [] }
  const posts = new EventTarget()
  let bytes = Number.POSITIVE_INFINITY
  let looks = 0
  let running: Running

  function hear(line: GatewayLine, readyNow: () => void): void {
    if (line.kind === 'ready') readyNow()
    else if (line.kind === 'posting') posts.dispatchEvent(new Event('posting'))
    else if (line.kind === 'spool') {
      bytes = line.bytes
      looks += 1
    } else if (line.kind === 'repeated') seen.repeated += 1
    else if (line.kind === 'retrying') {
      seen.retrying += 1
      seen.retry = line.reason
    } else seen.said.push(line)
  }

  function launch(die: Death | null): Running {
    bytes = Number.POSITIVE_INFINITY
    const [file, ...argv] = wrap(commandFor({ ...order, port, die })) as [string, ...string[]]
    const child = spawn(file, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4_000)
    })
    const exited = once(child, 'exit')
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (text) => hear(JSON.parse(text), resolve))
      exited.then(() => reject(new Error(`the gateway ended before it was ready: ${errors}`)))
    })
    ready.catch(() => {})
    exited.then(() => {
      if (errors !== '') seen.said.push({ kind: 'bug', reason: errors })
    })
    return { child, ready, exited }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    running.child.kill(signal)
    await running.exited
  }
  async function start(die: Death | null = null): Promise<void> {
    running = launch(die)
    await running.ready
  }

  running = launch(null)
  await running.ready
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async dieOnce(death) {
      await end('SIGKILL')
      running = launch(death)
      const [code, signal] = await running.exited
      if (signal !== 'SIGKILL') seen.said.push({ kind: 'bug', reason: `it ended by itself: ${code ?? signal}` })
      await start()
    },
    async kill(signal = 'SIGKILL') {
      await end(signal)
      await start()
    },
    stop: (signal = 'SIGKILL') => end(signal),
    start(changes = {}) {
      order = { ...order, ...changes }
      return start()
    },
    posting: () => new Promise((resolve) => posts.addEventListener('posting', () => resolve(), { once: true })),
    async drained() {
      const empty = async () => {
        // What was accepted last may not have been seen yet.
        for (const from = looks; looks < from + 2 || bytes > 0; ) await delay(20)
      }
      await within(() => `an empty spool: ${bytes} bytes are left, the last retry: ${seen.retry}`, empty())
    },
    spoolBytes: () => bytes,
  }
}

function commandFor(order: GatewayOrder): string[] {
  const program = fileURLToPath(import.meta.resolve('#test/soak/gateway.ts'))
  return [process.execPath, '--disable-warning=ExperimentalWarning', program, JSON.stringify(order)]
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
