// CASES=20000 npx vitest run test/collector/state/damage.test.ts for more; SEED for others.

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { createState, type State } from '#collector/state/state.ts'
import { newFile } from '#test/collector/state/files.ts'
import { fingerprint, resultOf } from '#test/collector/state/job.ts'
import { type Random, random } from '#test/ingest/mutate.ts'

const CASES = Number(process.env.CASES ?? 120)
const SEED = Number(process.env.SEED ?? 7)
const KEYS = 40
const REMEMBERED = 200
const ITEMS = Array.from({ length: 2 * REMEMBERED }, (_, item) => item)
const GOOD = 'of the good run'
const self = (item: number) => item

/** A good run, and one that left 40 results and then crashed. The state stays open: part of it lies in the log. */
async function original(file: string): Promise<State> {
  const state = createState(file, Date.now)
  const good = state.begin('coins')
  good.unseen(ITEMS.slice(0, REMEMBERED), self)
  good.watermark('at').advance(100)
  await good.checkpoint('0', () => GOOD)
  good.commit()
  const crashed = state.begin('coins')
  crashed.unseen(ITEMS, self)
  crashed.watermark('at').advance(200)
  for (let key = 0; key < KEYS; key += 1) await crashed.checkpoint(String(key), () => resultOf(1, key))
  return state
}

type Damage = (bytes: Buffer, pick: Random) => Buffer

function overwrite(bytes: Buffer, size: number, pick: Random, fill: (block: Buffer) => void): Buffer {
  const block = pick(Math.ceil(bytes.length / size)) * size
  fill(bytes.subarray(block, block + size))
  return bytes
}

const DAMAGES: Record<string, Damage> = {
  'cut off': (bytes, pick) => bytes.subarray(0, pick(bytes.length)),
  'cut off at a page': (bytes, pick) => bytes.subarray(0, pick(Math.ceil(bytes.length / 4_096)) * 4_096),
  'one bit flipped': (bytes, pick) => {
    const at = pick(bytes.length)
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << pick(8)), at)
    return bytes
  },
  'many bytes flipped': (bytes, pick) => {
    for (let n = 0; n < 30; n += 1) bytes.writeUInt8(pick(256), pick(bytes.length))
    return bytes
  },
  'a flipped byte in the header': (bytes, pick) => {
    bytes.writeUInt8(pick(256), pick(Math.min(bytes.length, 112)))
    return bytes
  },
  'a sector of zeros': (bytes, pick) => overwrite(bytes, 512, pick, (block) => block.fill(0)),
  'a page of zeros': (bytes, pick) => overwrite(bytes, 4_096, pick, (block) => block.fill(0)),
  'a sector of something else': (bytes, pick) =>
    overwrite(bytes, 512, pick, (block) => {
      for (let at = 0; at < block.length; at += 1) block.writeUInt8(pick(256), at)
    }),
  'a page in the place of another': (bytes, pick) => {
    const from = 4_096 * (1 + pick(Math.max(1, Math.floor(bytes.length / 4_096) - 1)))
    return overwrite(bytes, 4_096, pick, (block) => void bytes.copy(block, 0, from, from + 4_096))
  },
  'all zeros': (bytes) => bytes.fill(0),
  empty: (bytes) => bytes.subarray(0, 0),
}

/** A damaged copy of the state; returns its path, and what was done to it. */
function damagedCopy(source: string, pick: Random): { file: string; what: string } {
  const file = newFile()
  mkdirSync(dirname(file))
  const told: string[] = []
  for (const end of ['', '-wal']) if (existsSync(`${source}${end}`)) copyFileSync(`${source}${end}`, `${file}${end}`)
  const ends = [[''], ['-wal'], ['', '-wal']][pick(3)] as string[]
  for (const end of ends.filter((one) => existsSync(`${file}${one}`))) {
    const name = Object.keys(DAMAGES)[pick(Object.keys(DAMAGES).length)] as string
    const bytes = readFileSync(`${file}${end}`)
    if (bytes.length === 0) continue
    writeFileSync(`${file}${end}`, (DAMAGES[name] as Damage)(bytes, pick))
    told.push(`main${end}: ${name}`)
  }
  return { file, what: told.join(', ') }
}

async function examine(file: string): Promise<{ wrong: string[]; restored: number; isReset: boolean }> {
  const wrong: string[] = []
  let [restored, isReset] = [KEYS, false]
  const state = createState(file, Date.now)
  const run = state.begin('coins', (news) => {
    isReset ||= news.what === 'reset'
    if (news.what === 'lost') wrong.push(`lost ${news.key}: ${String(news.error)}`)
  })
  const { value } = run.watermark('at')
  if (value !== undefined && value !== 100) wrong.push(`the watermark is ${value}`)
  const fresh = new Set(run.unseen(ITEMS, self))
  for (const item of ITEMS) if (item >= REMEMBERED && !fresh.has(item)) wrong.push(`item ${item} counts as seen`)
  for (let key = 0; key < KEYS; key += 1) {
    const result = await run.checkpoint(String(key), () => {
      restored -= 1
      return resultOf(1, key)
    })
    // Without its last words the good run did not end, and what it had is taken like that of any run that failed.
    if (key === 0 && value === undefined && String(result) === GOOD) continue
    if (fingerprint(result) !== fingerprint(resultOf(1, key))) wrong.push(`${key} is another result`)
  }
  run.watermark('at').advance(300)
  run.commit()
  const next = state.begin('coins')
  if (next.watermark('at').value !== 300) wrong.push('the next run does not have the watermark')
  if (next.unseen(ITEMS, self).length > 0) wrong.push('the next run sees items again')
  next.abandon()
  state.close()
  return { wrong, restored, isReset }
}

/** Without its first page a state cannot be told from a file of something else, which stays as it is. */
function isRefused(error: Error, file: string, before: Buffer): boolean {
  const head = before.subarray(0, 4_096)
  return error.name === 'BadInput' && !head.includes('cyclewatch_') && readFileSync(file).equals(before)
}

for (const isOpen of [true, false]) {
  test(
    `gives no wrong value and works on when a file that was ${isOpen ? 'in use' : 'closed'} is damaged`,
    async () => {
      const source = newFile()
      const state = await original(source)
      if (!isOpen) state.close()
      const pick = random(SEED)
      const found = { intact: 0, partly: 0, reset: 0 }
      for (let n = 0; n < CASES / 2; n += 1) {
        const { file, what } = damagedCopy(source, pick)
        const before = readFileSync(file)
        const { wrong, restored, isReset } = await examine(file).catch((error: Error) => ({
          wrong: isRefused(error, file, before) ? [] : [error.stack ?? ''],
          restored: 0,
          isReset: false,
        }))
        expect(wrong, `case ${n}: ${what}`).toEqual([])
        found[isReset ? 'reset' : restored === KEYS ? 'intact' : 'partly'] += 1
        for (const end of ['', '-wal', '-shm', '.corrupt', '.corrupt-wal']) rmSync(`${file}${end}`, { force: true })
      }
      // Or the damages hit nothing.
      for (const times of Object.values(found)) expect(times).toBeGreaterThan(0)
      state.close()
    },
    60_000 + CASES * 500,
  )
}

test('gives no item twice for ever, whichever part of the file is lost', () => {
  const source = newFile()
  const items = ITEMS.slice(0, REMEMBERED)
  const look = (state: State) => {
    const run = state.begin('coins')
    const fresh = run.unseen(items, self).length
    run.commit()
    return fresh
  }
  const state = createState(source, Date.now)
  look(state)
  state.close()
  const bytes = readFileSync(source)
  const found: { first: number; third: number }[] = []
  for (let at = 0; at < bytes.length; at += 1_024) {
    writeFileSync(source, Buffer.from(bytes).fill(0, at, at + 512))
    const damaged = createState(source, Date.now)
    const first = look(damaged)
    // Writing to a damaged tree may lose what was still found in it.
    look(damaged)
    found.push({ first, third: look(damaged) })
    damaged.close()
  }
  expect(found.filter(({ third }) => third > 0)).toEqual([])
  // Or the damage hit nothing.
  expect(found.some(({ first }) => first > 0)).toBe(true)
})
