import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ANYWHERE, newFolder, processesIn, run, until } from '#test/e2e/processes.ts'
import {
  cyclesOf,
  doctor,
  enginePid,
  newTraceId,
  post,
  root,
  sendCycle,
  settled,
  stop,
  type Up,
  up,
} from '#test/e2e/running.ts'
import { tracesJson } from '#test/ingest/otlp.ts'

let running: Up
beforeAll(async () => {
  running = await up(newFolder())
})
afterAll(() => stop(running))

test('refuses to run twice on one data folder, and harms neither the first nor its data', async () => {
  const second = await run(running.folder, ['up'])
  expect(second).toMatchObject({ code: 3, signal: null, out: '' })
  expect(second.err).toMatch(/^cyclewatch: the data folder \S+ is in use by another Cyclewatch; .*set data to .*\n$/)
  expect(processesIn(running.folder).map(({ pid }) => pid)).toEqual([running.process.pid, enginePid(running.folder)])
  expect(await sendCycle(running, 'after the second')).toBe(200)
  expect(await doctor(running)).toMatchObject({ code: 0, err: '' })
})

for (const option of ['ingest.listen', 'api.listen', 'engine.httpPort']) {
  test.concurrent(`names ${option} when its port is taken, and leaves nothing behind`, async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const [section, key] = option.split('.')
    const value = option === 'engine.httpPort' ? port : `127.0.0.1:${port}`
    const folder = newFolder(ANYWHERE.replace(new RegExp(`^${section}: .*$`, 'm'), `${section}: { ${key}: ${value} }`))
    const { code, out, err } = await run(folder, ['up', '--json'])
    expect({ code, out }).toEqual({ code: 3, out: '' })
    expect(err).toMatch(new RegExp(`^cyclewatch: .*\\b${port}\\b.*\\b${option}\\b.*\\n$`))
    expect(processesIn(folder)).toEqual([])
    expect(existsSync(join(folder, 'data/engine.json'))).toBe(false)
    other.close()
  })
}

test('takes what is sent while the engine is away, and stores it once, also what is sent again', async () => {
  const traceId = newTraceId()
  expect(await sendCycle(running, 'before', traceId)).toBe(200)
  await settled(running)
  const killed = enginePid(running.folder)
  process.kill(killed, 'SIGKILL')

  const bodies = Array.from({ length: 20 }, () => tracesJson([{ spans: [root('meanwhile', newTraceId())] }]))
  for (const body of bodies) expect((await post(running, body)).status).toBe(200)
  // What an exporter does that has not heard the answer.
  for (const body of bodies) expect((await post(running, body)).status).toBe(200)
  const names = (await cyclesOf(running)).map(({ cycle }) => cycle)
  expect(names.filter((name) => name === 'meanwhile')).toHaveLength(bodies.length)
  expect(await cyclesOf(running, '&name=before')).toMatchObject([{ traceId }])

  await until(() => enginePid(running.folder) !== killed, 'engine.json to name the new process')
  expect((await fetch(`${running.api}/readyz`)).status).toBe(200)
  expect(await doctor(running)).toMatchObject({ code: 0, err: '' })
  const said = running.process.err().trim().split('\n')
  const ofEngine = said.filter((line) => line.startsWith('the embedded ClickHouse '))
  expect(ofEngine).toEqual([
    expect.stringMatching(/^the embedded ClickHouse died .*; starting it again in \d+ ms$/),
    'the embedded ClickHouse runs again',
  ])
  // It may be back before ingest notices.
  const others = said.filter((line) => !ofEngine.includes(line))
  expect(others.slice(0, 2)).toEqual(
    others.length === 0 ? [] : [expect.stringMatching(/^traces wait in the spool: /), 'traces are stored again'],
  )
})

test('answers 503 in the API too while the engine is down', async () => {
  const down = enginePid(running.folder)
  process.kill(down, 'SIGKILL')
  const answers = await until(async () => {
    const [health, ready, stats] = await Promise.all(
      ['/healthz', '/readyz', '/api/stats'].map((path) => fetch(running.api + path)),
    )
    expect(health?.status).toBe(200)
    return ready?.status === 503 && stats?.status === 503 && [await ready.json(), await stats.json()]
  }, 'both to be down at once')
  for (const answer of answers) expect(answer).toMatchObject({ error: { code: expect.any(String) } })
  await until(async () => (await fetch(`${running.api}/readyz`)).status === 200, 'the engine to be back')
})

test.concurrent('says in one line what is wrong with a configuration and starts nothing', async () => {
  const folder = newFolder('dta: ./data\napi: { listen: 0.0.0.0:0, port: 1 }\ncycles: [{ name: a }, { name: a }]\n')
  const { code, out, err } = await run(folder, ['up'])
  expect({ code, out }).toEqual({ code: 64, out: '' })
  expect(err.trim().split('\n').length).toBeGreaterThanOrEqual(3)
  for (const key of ['dta', 'api.port', 'cycles[1].name']) expect(err).toContain(`: ${key}: `)
  expect(existsSync(join(folder, 'data'))).toBe(false)
})

test.concurrent('says in one line that a data folder cannot be made', async () => {
  const folder = newFolder(ANYWHERE.replace('./data', './file/data'))
  writeFileSync(join(folder, 'file'), '')
  const { code, out, err } = await run(folder, ['up'])
  expect({ code, out }).toEqual({ code: 3, out: '' })
  expect(err).toMatch(/^cyclewatch: the data folder \S+ cannot be used .*set data to another one\n$/)
})

test.concurrent.each(['/proc/data', './back\\slash'])(
  'says in one line that nothing can be kept in %s',
  async (data) => {
    const { code, out, err } = await run(newFolder(ANYWHERE.replace('./data', `'${data}'`)), ['up'])
    expect({ code: code === 3 || code === 64, out }).toEqual({ code: true, out: '' })
    expect(err).toMatch(/^cyclewatch: the data folder \S+ .*\n$/)
  },
)

for (const name of ["it's a <b>&amp; 'dir' é 日本", 'line\nbreak']) {
  test.concurrent(`keeps data in a folder named ${JSON.stringify(name)}`, async () => {
    const folder = newFolder(ANYWHERE.replace('./data', JSON.stringify(`./${name}`)))
    const there = await up(folder)
    expect(await sendCycle(there, 'prices')).toBe(200)
    expect(await stop(there)).toMatchObject({ code: 0, err: '' })
    expect(readdirSync(folder)).toContain(name)
    expect(processesIn(folder)).toEqual([])
  })
}
