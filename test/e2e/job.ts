// A job with our collector, run as a program of its own: three cycles with every kind of step.
// UPSTREAM is the address of the API it fetches from; it prints the trace ids of its cycles, one a line.

import { setTimeout as sleep } from 'node:timers/promises'
import { cycle, type Run, startTelemetry } from '#collector/collector.ts'

const upstream = process.env.UPSTREAM as string

// The endpoint comes from OTEL_EXPORTER_OTLP_ENDPOINT.
const telemetry = startTelemetry({
  service: 'job',
  version: '2.0.0',
  revision: 'ab12cd',
  environment: 'staging',
  attributes: { 'vcs.ref.head.name': 'main' },
})

const say = (run: Run) => process.stdout.write(`${run.traceId}\n`)

await cycle(
  'prices',
  async (run) => {
    say(run)
    await run.step('two at once', 'compute', () =>
      Promise.all([
        run.fetch(`${upstream}/page?api_key=geheim`, { template: '/page' }),
        run.fetch(upstream.replace('//', '//user:geheim@').concat('/moved')),
      ]),
    )
    await run.fetch(`${upstream}/orders`, { method: 'POST', body: 'twelve bytes' })
    await run.step('look up', 'cache', (step) => step.hit())
    await run.step('look up', 'cache', (step) => step.miss())
    await run.step('too fast', 'wait', () => sleep(30), { reason: 'rate_limit' })
    for (const query of ['SELECT prices', 'INSERT prices']) {
      await run.step(query, 'db', async (step) => {
        step.set('db.system.name', 'sqlite')
        await sleep(5)
      })
    }
    run.items(5)
    run.expect(6)
    run.set('cycle.items.failed', 1)
    run.set('cycle.cost', 0.25)
  },
  { trigger: 'manual' },
)

await cycle('prices', async (run) => {
  say(run)
  const page = await run.fetch(`${upstream}/broken`, { retries: 0 })
  if (!page.ok) run.partial(`one page answered ${page.status}`)
})

await cycle('prices', async (run) => {
  say(run)
  await run.step('write', 'db', () => {
    throw new TypeError('the disk is full')
  })
}).catch(() => {})

await telemetry.shutdown()
