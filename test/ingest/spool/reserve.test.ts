import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepReserve } from '#ingest/spool/reserve.ts'

let folder: string
const size = () => statSync(join(folder, 'reserve')).size

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reserve-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Something to write that finds the disk full until the reserve has been given up. */
function needy(): { write(): Promise<void>; attempts: number } {
  const needs = {
    attempts: 0,
    async write() {
      needs.attempts += 1
      if (size() > 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    },
  }
  return needs
}

test('keeps its space while others find theirs', async () => {
  const reserve = await keepReserve(folder)
  let writes = 0
  await reserve.write(async () => {
    writes += 1
  })
  expect([writes, reserve.isSpent(), size()]).toEqual([1, false, 2 ** 18])
})

test('gives up its space on a full disk and takes it back later', async () => {
  const reserve = await keepReserve(folder)
  const receipt = needy()
  await reserve.write(receipt.write)
  expect([receipt.attempts, reserve.isSpent(), size()]).toEqual([2, true, 0])
  await reserve.restore()
  expect([reserve.isSpent(), size()]).toEqual([false, 2 ** 18])
})

test('serves several that need it at once', async () => {
  const reserve = await keepReserve(folder)
  const receipts = [needy(), needy(), needy()]
  await Promise.all(receipts.flatMap(({ write }) => [reserve.write(write), reserve.restore()]))
  await reserve.restore()
  expect([reserve.isSpent(), size()]).toEqual([false, 2 ** 18])
})

test('passes on what has nothing to do with space', async () => {
  const reserve = await keepReserve(folder)
  const denied = Object.assign(new Error('denied'), { code: 'EACCES' })
  await expect(reserve.write(() => Promise.reject(denied))).rejects.toBe(denied)
  expect(reserve.isSpent()).toBe(false)
})

test('makes its space anew when an earlier process had given it up', async () => {
  await keepReserve(folder)
  truncateSync(join(folder, 'reserve'), 0)
  const reserve = await keepReserve(folder)
  expect([reserve.isSpent(), size()]).toEqual([false, 2 ** 18])
})
