// Real processes that get real signals.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'

const COLLECTOR = import.meta.resolve('#collector/collector.ts')
const SCHEDULE = import.meta.resolve('#collector/schedule/schedule.ts')

let receiver: Receiver
let child: ChildProcess | undefined

beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await receiver.close()
})

type Job = {
  /** Resolves once the job has said this. */
  says(text: string): Promise<void>
  kill(signal: NodeJS.Signals): void
  end: Promise<{ code: number | null; signal: string | null; said: string[]; errors: string }>
}

/** A job of its own process, with telemetry started; `say(text)` prints a line. */
function job(code: string, telemetry = true): Job {
  const script = `
    import { startTelemetry } from ${JSON.stringify(COLLECTOR)}
    import { schedule } from ${JSON.stringify(SCHEDULE)}
    import { once } from 'node:events'
    import { setTimeout as sleep } from 'node:timers/promises'
    // What runs when the signal comes does so for sure.
    const signalAnd = async (ms, signal = 'SIGTERM') => { await once(process, signal); await sleep(ms) }
    const say = (text) => process.stdout.write(text + '\\n')
    ${telemetry ? `startTelemetry({ service: 'job', endpoint: ${JSON.stringify(receiver.url)} })` : ''}
    ${code}`
  const process_ = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = process_
  let [output, errors] = ['', '']
  const heard = new Set<() => void>()
  process_.stdout.on('data', (chunk) => {
    output += chunk
    for (const hear of heard) hear()
  })
  process_.stderr.on('data', (chunk) => {
    errors += chunk
  })
  return {
    says: (text) =>
      new Promise((resolve) => {
        const hear = () => void (output.includes(text) && resolve())
        heard.add(hear)
        hear()
      }),
    kill: (signal) => void process_.kill(signal),
    end: once(process_, 'close').then(([code, signal]) => ({
      code,
      signal,
      said: output.split('\n').slice(0, -1),
      errors,
    })),
  }
}

const outcomes = (name: string) => receiver.named(name).map(({ attributes }) => attributes['cycle.outcome'])

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`lets the running cycle finish at ${signal}, starts no other, delivers, and dies of it`, async () => {
    const { says, kill, end } = job(`
      schedule('coins', { every: 50, stopOn: ['SIGTERM', 'SIGINT'] }, async () => {
        say('begun')
        await signalAnd(300, '${signal}')
        say('done')
      })`)
    await says('begun')
    kill(signal)
    expect(await end).toEqual({ code: null, signal, said: ['begun', 'done'], errors: '' })
    expect(outcomes('coins')).toEqual(['ok'])
  })
}

test('aborts the running cycle at the deadline, delivers, and dies of the signal', async () => {
  const { says, kill, end } = job(`
    schedule('coins', { every: 50, stopOn: ['SIGTERM'], stopWithin: 300 }, async (run) => {
      say('begun')
      await sleep(60_000, null, { signal: run.signal }).finally(() => say('cleaned up'))
    })`)
  await says('begun')
  kill('SIGTERM')
  expect(await end).toEqual({ code: null, signal: 'SIGTERM', said: ['begun', 'cleaned up'], errors: '' })
  expect(outcomes('coins')).toEqual(['failed'])
})

test('gives up on a cycle that does not even end when aborted', async () => {
  const { says, kill, end } = job(`
    schedule('coins', { every: 50, stopOn: ['SIGTERM'], stopWithin: 100 }, async () => {
      say('begun')
      await sleep(60_000)
    })`)
  await says('begun')
  kill('SIGTERM')
  expect(await end).toMatchObject({ signal: 'SIGTERM', said: ['begun'] })
})

test('takes a second signal for now', async () => {
  const { says, kill, end } = job(`
    schedule('coins', { every: 50, stopOn: ['SIGTERM'], stopWithin: '1h' }, async (run) => {
      process.once('SIGTERM', () => setTimeout(() => say('stopping'), 50))
      say('begun')
      await sleep(3_600_000, null, { signal: run.signal })
    })`)
  await says('begun')
  kill('SIGTERM')
  await says('stopping')
  kill('SIGTERM')
  expect(await end).toMatchObject({ signal: 'SIGTERM' })
  expect(outcomes('coins')).toEqual(['failed'])
})

test('dies of the signal when the last of several schedules has ended', async () => {
  const { says, kill, end } = job(`
    const options = { every: 50, stopOn: ['SIGTERM'] }
    let begun = 0
    for (const [name, lasts] of [['slow', 700], ['quick', 100]]) {
      schedule(name, options, async () => {
        begun += 1
        if (begun === 2) say('both begun')
        await signalAnd(lasts)
        say(name)
      })
    }`)
  await says('both begun')
  kill('SIGTERM')
  const { signal, said } = await end
  expect([signal, said]).toEqual(['SIGTERM', ['both begun', 'quick', 'slow']])
  expect([...outcomes('slow'), ...outcomes('quick')]).toEqual(['ok', 'ok'])
})

test('stops any number of schedules, and Node does not warn of it', async () => {
  const { says, kill, end } = job(`
    const { signal } = new AbortController()
    for (let n = 0; n < 30; n += 1) schedule('coins', { every: '1h', stopOn: ['SIGTERM'], signal }, () => {})
    schedule('last', { every: 50, stopOn: ['SIGTERM'] }, async () => {
      say('begun')
      await signalAnd(100)
    })`)
  await says('begun')
  kill('SIGTERM')
  expect(await end).toEqual({ code: null, signal: 'SIGTERM', said: ['begun'], errors: '' })
  expect(outcomes('last')).toEqual(['ok'])
})

test('leaves the end to a job that listens to the signal as well', async () => {
  const { says, kill, end } = job(`
    const { ended } = schedule('coins', { every: 50, stopOn: ['SIGTERM'] }, async () => {
      say('begun')
      await signalAnd(100)
      say('done')
    })
    process.on('SIGTERM', async () => {
      say('heard')
      await ended
      await sleep(300)
      say('bye')
      process.exit(3)
    })`)
  await says('begun')
  kill('SIGTERM')
  expect(await end).toMatchObject({ code: 3, said: ['begun', 'heard', 'done', 'bye'] })
})

for (const telemetry of [true, false]) {
  test(`takes over no signal unasked ${telemetry ? 'with' : 'without'} telemetry`, async () => {
    const { says, kill, end } = job(
      `schedule('coins', { every: 50 }, async () => {
        say('begun')
        await sleep(60_000)
        say('done')
      })`,
      telemetry,
    )
    await says('begun')
    kill('SIGTERM')
    expect(await end).toMatchObject({ signal: 'SIGTERM', said: ['begun'] })
  })
}

test('ends in order without telemetry too', async () => {
  const { says, kill, end } = job(
    `schedule('coins', { every: 50, stopOn: ['SIGTERM'] }, async () => {
      say('begun')
      await signalAnd(100)
      say('done')
    })`,
    false,
  )
  await says('begun')
  kill('SIGTERM')
  expect(await end).toEqual({ code: null, signal: 'SIGTERM', said: ['begun', 'done'], errors: '' })
})

test('keeps the process alive, and lets it end by itself once stopped', async () => {
  const { end } = job(`
    let runs = 0
    const handle = schedule('coins', { every: 50 }, () => {
      runs += 1
      if (runs === 3) void handle.stop().then((how) => say(how))
    })`)
  expect(await end).toEqual({ code: 0, signal: null, said: ['finished'], errors: '' })
  expect(outcomes('coins')).toEqual(['ok', 'ok', 'ok'])
})

test('lets the process end at once when unref', async () => {
  const { end } = job(`schedule('coins', { every: '1h', unref: true }, () => say('begun'))`)
  expect(await end).toEqual({ code: 0, signal: null, said: [], errors: '' })
})

test('survives runs that fail in every way, with nothing printed', async () => {
  const { end } = job(`
    const ways = [
      () => { throw new Error('thrown') },
      () => Promise.reject(new Error('rejected')),
      () => Promise.reject(undefined),
      () => { throw null },
    ]
    const count = ways.length
    const handle = schedule('coins', { every: 20, onError: () => { throw new Error('of the listener') } }, () => {
      const way = ways.shift()
      if (way) return way()
      say('alive')
      void handle.stop()
    })`)
  expect(await end).toEqual({ code: 0, signal: null, said: ['alive'], errors: '' })
  expect(outcomes('coins')).toEqual(['failed', 'failed', 'failed', 'failed', 'ok'])
})
