// Every command and file that README shows is run here as it stands there, but for the ports and where packages lie.

import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createSocket } from 'node:net'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { newFolder, type Started, start, startProgram, until } from '#test/e2e/processes.ts'

const ROOT = resolve(import.meta.dirname, '..')

type Block = { language: string; file: string; text: string }

const blocks: Block[] = [
  ...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms),
].map(([, language = '', file = '', text = '']) => ({ language, file, text }))
const files = blocks.filter(({ file }) => file !== '')
const commands = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trim().split('\n'))

/** Run elsewhere: installing by every CI run, `demo` and `up` below and in test/e2e. */
const STARTING = ['npm ci && npm run demo', 'npm ci && npm test', './cyclewatch up']

let folder: string
let demo: Started
const ports = new Map<string, string>()

function here(text: string): string {
  let moved = text.replace("'cyclewatch/collector'", `'${pathToFileURL(join(ROOT, 'collector/collector.ts'))}'`)
  for (const [port, ours] of ports) moved = moved.replaceAll(`:${port}`, `:${ours}`)
  return moved
}

async function freePort(): Promise<string> {
  const socket = createSocket().listen(0, '127.0.0.1')
  await new Promise((done) => socket.once('listening', done))
  const { port } = socket.address() as AddressInfo
  await new Promise((done) => socket.close(done))
  return String(port)
}

async function run(command: string) {
  // The collector's default port, too, is another one here.
  const env = {
    CLICKHOUSE_PASSWORD: 'hidden password',
    FETCHERS_TOKEN: 'hidden-0123456789',
    OTEL_EXPORTER_OTLP_ENDPOINT: here('http://127.0.0.1:4318'),
  }
  const { code, out, err } = await startProgram(folder, 'sh', ['-c', here(command)], { env }).ended
  return { code, out, err }
}

beforeAll(async () => {
  for (const port of ['4318', '4380']) ports.set(port, await freePort())
  const upstream = createServer((_, response) => response.end('[{"price":1},{"price":2}]')).listen(0, '127.0.0.1')
  await until(() => upstream.listening, 'the upstream')
  ports.set('8000', String((upstream.address() as AddressInfo).port))
  upstream.unref()

  folder = newFolder()
  symlinkSync(join(ROOT, 'cyclewatch'), join(folder, 'cyclewatch'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const { file, text } of files) writeFileSync(join(folder, file), here(text))
  const [ingest, api] = ['4318', '4380'].map((port) => `listen: "127.0.0.1:${ports.get(port)}"`)
  const places = `engine: { httpPort: 0 }\ningest: { ${ingest} }\napi: { ${api} }\n`
  writeFileSync(join(folder, 'cyclewatch.yaml'), places + readFileSync(join(folder, 'cyclewatch.yaml'), 'utf8'))

  demo = start(folder, ['demo'])
  await until(
    () => /[1-9]\d* cycles/.test(demo.out()),
    () => `the first cycle, after ${demo.out()} ${demo.err()}`,
  )
})

test('shows the commands that start it as package.json has them', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(scripts.demo).toBe('./cyclewatch demo')
  expect(commands).toEqual(expect.arrayContaining(STARTING))
  const named = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
  expect(named.filter((name) => !((name as string) in scripts))).toEqual([])
})

test.each(files.filter(({ language }) => language === 'js'))('$file runs as shown', async ({ file }) => {
  expect(await run(`node_modules/.bin/node ${file}`)).toMatchObject({ code: 0, err: '' })
})

test.each(commands.filter((command) => !STARTING.includes(command)))('%s', async (command) => {
  expect(await run(command)).toMatchObject({ code: 0 })
})

test.each([
  ['the job with our collector', 'prices'],
  ['the job with the stock SDK', 'report'],
])('%s has become a cycle', async (_, name) => {
  const { out } = await run(`./cyclewatch stats ${name} --json`)
  expect(JSON.parse(out).items).toMatchObject([{ cycle: name, windows: [{ count: 1 }] }])
})

test('the example of a configuration is a valid one', async () => {
  const { code, out } = await run('./cyclewatch config check --config config.yaml')
  expect(code).toBe(0)
  expect(out).not.toContain('hidden')
})
