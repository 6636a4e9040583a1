// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of configuration files

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Config, parseConfig, type ReadConfig } from '#cli/config.ts'
import { BadInput } from '#model/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ENV = { PORT: '8999', WORD: 'many', SECRET: 'p{a}: #ss, "w"', EMPTY: '' }

function read(text: string): ReadConfig {
  return parseConfig(text, { label: 'c.yaml', folder, env: ENV })
}

function configOf(text: string): Config {
  return read(text).config
}

/** Every problem as the user reads it, without the name of the file. */
function problemsOf(text: string): string[] {
  try {
    configOf(text)
  } catch (error) {
    if (!(error instanceof BadInput)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message}`.replace('c.yaml:', ''))
  }
  return []
}

function lines(...text: string[]): string {
  return text.join('\n')
}

test('reports all five mistakes of a file at once, each with its line, column and path', () => {
  const text = lines(
    'clickhouse:',
    '  url: ftp://host',
    '  databse: cyclewatch',
    'engine: { httpPort: 70000 }',
    'api: { listen: 0.0.0.0:4380 }',
    'cycles:',
    '  - name: coins',
    '    buckets: { fast: 30s, normal: 20s, slow: 60s }',
  )
  expect(problemsOf(text)).toEqual([
    '2:8: clickhouse.url: must be a URL such as http://localhost:8123 or https://host:8443',
    '3:3: clickhouse.databse: is not a key here; did you mean database?',
    '4:21: engine.httpPort: must be at most 65535, not 70000',
    '5:16: api.listen: 0.0.0.0 can be reached from other machines; there are no tokens for reading yet, so listen on 127.0.0.1 or [::1]',
    '8:35: cycles[0].buckets.normal: must be more than fast: 20s is not more than 30s',
  ])
})

test('fills in every default when the file is empty', () => {
  const config = configOf('')
  expect(config).toEqual(configOf('# nothing but a remark\nclickhouse:\n'))
  expect(config.data).toBe(join(folder, 'data'))
  expect(config.clickhouse).toEqual({ user: 'default', password: '', database: 'cyclewatch' })
  expect(config.engine).toEqual({ httpPort: 8123 })
  expect(config.ingest.listen).toEqual({ host: '127.0.0.1', port: 4318 })
  expect(config.api.listen).toEqual({ host: '127.0.0.1', port: 4380 })
  expect(config.cycles).toEqual([])
})

test('keeps match and bounds of a definition, in milliseconds', () => {
  const text = lines(
    'cycles:',
    '  - { name: coins, match: { service: lcw, span: fetch cycle }, buckets: { fast: 1.5s, normal: 2m, slow: 1h } }',
    '  - name: plain',
  )
  expect(configOf(text).cycles).toEqual([
    {
      name: 'coins',
      match: { service: 'lcw', span: 'fetch cycle' },
      bounds: { fastMs: 1_500, normalMs: 120_000, slowMs: 3_600_000 },
    },
    { name: 'plain', bounds: { fastMs: 20_000, normalMs: 30_000, slowMs: 60_000 } },
  ])
})

const wrong: { name: string; text: string; problems: string[] }[] = [
  { name: 'a list stands at the top', text: '- a', problems: ['1:1: must be a group of keys, not a list'] },
  { name: 'a word stands at the top', text: 'hello', problems: ["1:1: must be a group of keys, not 'hello'"] },
  { name: 'a key is here twice', text: 'data: a\ndata: b', problems: ['2:1: this key is here twice'] },
  { name: 'a tab indents', text: 'api:\n\tlisten: x', problems: ['2:1: a tab indents this line; use spaces'] },
  {
    name: 'there are two documents',
    text: 'data: a\n---\ndata: b',
    problems: ['2:1: a second document begins here; the file must hold one'],
  },
  {
    name: 'an alias has no anchor',
    text: 'data: *.log',
    problems: ['1:7: *.log means a value marked &.log above, and there is none; put text that begins with * in quotes'],
  },
  { name: 'a key is __proto__', text: '__proto__: { data: x }', problems: ['1:1: __proto__: is not a key here'] },
  {
    name: 'a key has no near neighbour',
    text: 'engine: { colour: red }',
    problems: ['1:11: engine.colour: is not a key here; allowed are httpPort'],
  },
  { name: 'a port is a fraction', text: 'engine: { httpPort: 1.5 }', problems: ['must be a whole number, not 1.5'] },
  {
    name: 'a name is a number',
    text: 'cycles: [ { name: 5 } ]',
    problems: ['cycles[0].name: must be text, not 5 (put it in quotes)'],
  },
  {
    name: 'a password is a number, without telling it',
    text: 'clickhouse: { url: "http://h:1", password: 4711 }',
    problems: ['1:44: clickhouse.password: must be text (put it in quotes)'],
  },
  {
    name: 'the URL holds the password, without telling it',
    text: 'clickhouse: { url: "http://u:geheim@h:1" }',
    problems: ['clickhouse.url: must not hold user and password; use the keys user and password'],
  },
  {
    name: 'there is a user and no server',
    text: 'clickhouse: { user: me }',
    problems: ['clickhouse.url: is missing: user and password are those of a server'],
  },
  {
    name: 'the database is no plain name',
    text: 'clickhouse: { database: a b }',
    problems: ['clickhouse.database: must be'],
  },
  { name: 'data begins with ~', text: 'data: ~/x', problems: ['data: must be a path without ~'] },
  {
    name: 'a port has no host',
    text: 'api: { listen: "4380" }',
    problems: ["api.listen: '4380' is not host:port"],
  },
  { name: 'a port is too large', text: 'api: { listen: "[::1]:65536" }', problems: ['is not host:port'] },
  {
    name: 'two servers want one port',
    text: 'api: { listen: 127.0.0.1:8123 }',
    problems: ['api.listen: port 8123 is taken by engine.httpPort'],
  },
  {
    name: 'ingest listens on a name that is not this machine',
    text: 'ingest: { listen: "h:1" }',
    problems: ['h can be'],
  },
  {
    name: 'a zone stands behind an open address',
    text: 'ingest: { listen: "[fe80::1%lo]:1" }',
    problems: ['ingest.listen: fe80::1%lo can be reached from other machines'],
  },
  {
    name: 'names and matches repeat, beside another mistake',
    text: lines(
      'cycles:',
      '  - { name: a, match: { service: s, span: x } }',
      '  - { name: a, match: { service: s, span: x }, colour: 1 }',
    ),
    problems: [
      '3:13: cycles[1].name: is the name of cycles[0] already',
      '3:23: cycles[1].match: is the same as that of cycles[0]: a trace belongs to one cycle',
      '3:48: cycles[1].colour: is not a key here',
    ],
  },
  { name: 'a name is blank', text: 'cycles: [ { name: " " } ]', problems: ['cycles[0].name: must not be empty'] },
  {
    name: 'bounds are zero, endless, or not durations',
    text: 'cycles: [ { name: a, buckets: { fast: 0s, normal: 99999999d, slow: 60 } } ]',
    problems: [
      'fast: must be more than zero',
      'normal: must not be more than 3650d',
      'slow: must be a duration such as 25s',
    ],
  },
  {
    name: 'a bound is left out',
    text: 'cycles: [ { name: a, buckets: { fast: 1s, slow: 3s } } ]',
    problems: ['1:31: cycles[0].buckets.normal: is missing'],
  },
  {
    name: 'a variable is not set, once, whatever else it leaves wrong',
    text: 'clickhouse: { url: ${NOPE} }',
    problems: ['1:20: clickhouse.url: the environment variable NOPE is not set'],
  },
  {
    name: 'a variable has a default as in a shell',
    text: 'data: ${WORD:-x}',
    problems: ['data: ${WORD:-x} is not understood; write ${NAME}, and $${ for a plain ${'],
  },
  {
    name: 'a variable holds what does not fit, without telling it',
    text: 'engine: { httpPort: ${WORD} }',
    problems: ['1:21: engine.httpPort: must be a number'],
  },
  { name: 'a variable is empty', text: 'clickhouse: { url: ${EMPTY} }', problems: ['clickhouse.url: must be a URL'] },
  {
    name: 'a secret file is not there',
    text: 'clickhouse: { url: "http://h:1", password_file: none }',
    problems: ['1:49: clickhouse.password_file: none cannot be read: there is no such file'],
  },
  {
    name: 'a secret comes twice',
    text: 'clickhouse: { url: "http://h:1", password: a, password_file: none }',
    problems: ['1:47: clickhouse.password_file: cannot stand beside password; keep one of the two'],
  },
  {
    name: 'a secret file is misspelt',
    text: 'clickhouse: { pasword_file: x }',
    problems: ['clickhouse.pasword_file: is not a key here; did you mean password_file?'],
  },
]

describe('says what is wrong when', () => {
  for (const { name, text, problems } of wrong) {
    test(name, () => expect(problemsOf(text)).toEqual(problems.map((problem) => expect.stringContaining(problem))))
  }
})

const hostile: { name: string; text: string; problem: string }[] = [
  { name: 'nesting without end', text: `data: ${'['.repeat(20_000)}`, problem: 'nested too deep' },
  { name: 'aliases that multiply', text: multiplied(), problem: 'repeats its parts' },
  { name: 'thousands of broken lines', text: 'x: [\n'.repeat(2_000), problem: 'must' },
]

for (const { name, text, problem } of hostile) {
  test(`survives ${name}`, () => expect(problemsOf(text)[0]).toContain(problem))
}

function multiplied(): string {
  const names = [...'abcdefghi']
  return names.map((name, index) => `${name}: &${name} [${`*${names[index - 1]},`.repeat(index ? 9 : 0)}x]`).join('\n')
}

test('takes variables literally, also between braces', () => {
  const { clickhouse, engine } = configOf(
    lines(
      'clickhouse: { url: "http://h:1", password: ${SECRET}, user: a$${b}${PORT} }',
      'engine: { httpPort: ${PORT} }',
    ),
  )
  expect(clickhouse).toMatchObject({ password: ENV.SECRET, user: 'a${b}8999' })
  expect(engine.httpPort).toBe(8999)
})

test('reads a secret from a file beside the configuration, without its last line break', () => {
  writeFileSync(join(folder, 'secret'), ' 123 \n\n')
  const text = 'clickhouse: { url: "http://h:1", password_file: ./secret }'
  expect(configOf(text).clickhouse.password).toBe(' 123 \n')
})

test('shows a configuration as a file that means the same, with *** for secrets', () => {
  const { config, shown } = read(
    lines(
      'clickhouse: { url: "https://h:1", password: geheim }',
      'api: { publicUrl: "https://cycles.example.org" }',
      'cycles: [ { name: a, match: { service: s, span: x }, buckets: { fast: 250ms, normal: 90s, slow: 1h } }, { name: b } ]',
    ),
  )
  const text = stringify(shown)
  expect(text).not.toContain('geheim')
  expect(parse(text)).toMatchObject({
    engine: { httpPort: 8123 },
    ingest: { listen: '127.0.0.1:4318' },
    cycles: [{ buckets: { fast: '250ms', normal: '90s', slow: '1h' } }, { buckets: { fast: '20s' } }],
  })
  expect(configOf(text)).toEqual({ ...config, clickhouse: { ...config.clickhouse, password: '***' } })
  expect(read(text).shown).toEqual(shown)
})
