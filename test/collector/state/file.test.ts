import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { createState, openState, type State, type StateNews, stateOf } from '#collector/state/state.ts'
import { newFile } from '#test/collector/state/files.ts'

const STATE = import.meta.resolve('#collector/state/state.ts')

/** A path whose folder is there. */
function preparedFile(): string {
  const file = newFile()
  mkdirSync(dirname(file))
  return file
}

function advance(state: State, to: number): StateNews[] {
  const news: StateNews[] = []
  const run = state.begin('coins', (one) => void news.push(one))
  run.watermark('at').advance(to)
  run.commit()
  return news
}

const valueIn = (state: State) => state.begin('coins').watermark('at').value

/** Nothing in it can be read. */
function ruin(file: string): void {
  writeFileSync(file, readFileSync(file).fill(0xee, 100))
  for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
}

test('creates the file with its folder, for nobody else to read', () => {
  const file = newFile()
  const state = createState(file, Date.now)
  advance(state, 1)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600)
})

test('takes an empty file', () => {
  const file = preparedFile()
  writeFileSync(file, '')
  expect(advance(createState(file, Date.now), 1)).toEqual([])
})

test('gives one state for one file', () => {
  const file = newFile()
  expect(openState(file)).toBe(openState(`${dirname(file)}/./job.state`))
  expect(stateOf(file)).toBe(openState(file))
  expect(stateOf(openState(file))).toBe(openState(file))
})

test('refuses what is no file and no state', () => {
  for (const wrong of ['', 7, {}, null]) {
    expect(() => stateOf(wrong as string)).toThrow(expect.objectContaining({ name: 'BadInput' }))
  }
})

test('opens again after it was closed', () => {
  const state = createState(newFile(), Date.now)
  advance(state, 1)
  state.close()
  state.close()
  expect(valueIn(state)).toBe(1)
})

const others: [what: string, write: (file: string) => void][] = [
  ['a text', (file) => writeFileSync(file, 'api-key: do not lose me\n'.repeat(500))],
  ['a short text', (file) => writeFileSync(file, '{}')],
  [
    "somebody else's database",
    (file) => {
      const database = new DatabaseSync(file)
      database.exec('CREATE TABLE prices (coin, price)')
      database.close()
    },
  ],
]
for (const [what, write] of others) {
  test(`refuses ${what}, and leaves it where it is`, () => {
    const file = preparedFile()
    write(file)
    const before = readFileSync(file)
    expect(() => createState(file, Date.now)).toThrow(
      expect.objectContaining({ name: 'BadInput', message: expect.stringContaining(file) }),
    )
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(existsSync(`${file}.corrupt`)).toBe(false)
  })
}

test('says that a folder or a file in its way cannot be used', () => {
  const file = newFile()
  mkdirSync(file, { recursive: true })
  for (const path of [file, `${import.meta.filename}/job.state`]) {
    expect(() => createState(path, Date.now)).toThrow(
      expect.objectContaining({ name: 'Unavailable', message: expect.stringContaining(path) }),
    )
  }
})

test('sets a damaged file aside, says so once, and begins anew', () => {
  const file = newFile()
  const state = createState(file, Date.now)
  advance(state, 1)
  state.close()
  ruin(file)
  const ruined = readFileSync(file)
  const again = createState(file, Date.now)
  expect(readFileSync(`${file}.corrupt`).equals(ruined)).toBe(true)
  expect(advance(again, 2)).toEqual([
    {
      what: 'reset',
      message: expect.stringMatching(`^the state in ${file} was damaged .* set aside as ${file}.corrupt`),
    },
  ])
  expect(advance(again, 3)).toEqual([])
  again.close()
  ruin(file)
  expect(valueIn(createState(file, Date.now))).toBeUndefined()
})

test('keeps what a run came to when the file is damaged while it runs, for two states of it', () => {
  const file = newFile()
  const [one, other] = [createState(file, Date.now), createState(file, Date.now)]
  advance(one, 5)
  expect(valueIn(other)).toBe(5)
  const runs = [one.begin('coins'), other.begin('coins')]
  for (const run of runs) run.unseen([1, 2, 3], (item) => item)
  runs[0]?.watermark('at').advance(6)
  one.close()
  ruin(file)
  for (const run of runs) run.commit()
  expect(valueIn(one)).toBe(6)
  expect(valueIn(other)).toBe(6)
  expect(other.begin('coins').unseen([1, 2, 3, 4], (item) => item)).toEqual([4])
  expect(readFileSync(file).equals(readFileSync(`${file}.corrupt`))).toBe(false)
})

test('begins anew when somebody removed the file', () => {
  const file = newFile()
  const state = createState(file, Date.now)
  const first = state.begin('coins')
  first.unseen([1], (item) => item)
  first.commit()
  const run = state.begin('coins')
  expect(run.unseen([1, 2], (item) => item)).toEqual([2])
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`)
  run.commit()
  expect(
    createState(file, Date.now)
      .begin('coins')
      .unseen([1, 2, 3], (item) => item),
  ).toEqual([3])
})

test('serves several processes that create the file together', async () => {
  const file = newFile()
  const script = `
    import { createState } from ${JSON.stringify(STATE)}
    const state = createState(${JSON.stringify(file)}, Date.now)
    for (let round = 1; round <= 20; round += 1) {
      const run = state.begin('coins')
      run.watermark('at').advance(round)
      run.unseen(Array.from({ length: 200 }, (_, n) => process.pid + '-' + round + '-' + n), (item) => item)
      await run.checkpoint('step', () => round)
      run.commit()
    }`
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'ignore', 'pipe'] }),
  )
  const ends = await Promise.all(
    children.map(async (child) => {
      let errors = ''
      child.stderr.on('data', (chunk) => {
        errors += chunk
      })
      const [code] = await once(child, 'close')
      return { code, errors }
    }),
  )
  expect(ends).toEqual(children.map(() => ({ code: 0, errors: '' })))
  const state = createState(file, Date.now)
  expect(valueIn(state)).toBe(20)
  const all = children.flatMap(({ pid }) =>
    Array.from({ length: 20 * 200 }, (_, n) => `${pid}-${1 + Math.floor(n / 200)}-${n % 200}`),
  )
  expect(state.begin('coins').unseen(all, (item) => item)).toEqual([])
})
