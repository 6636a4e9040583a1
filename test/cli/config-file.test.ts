import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from '#cli/config.ts'
import { Unavailable } from '#model/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-config-file-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('looks for the file', () => {
  const named = (file?: string) => loadConfig({ cwd: folder, env: {}, file })

  test('and takes defaults when there is none', () => {
    expect(named().file).toBeNull()
  })

  test('and says that it cannot be read when it was named', () => {
    expect(() => named('none.yaml')).toThrow(new Unavailable('none.yaml cannot be read: there is no such file'))
    expect(() => named('.')).toThrow(new Unavailable('. cannot be read: it is a folder'))
  })

  test('and says that it is not text when it is something else', () => {
    writeFileSync(join(folder, 'picture.yaml'), Buffer.from([0x89, 0xff, 0xfe]))
    expect(() => named('picture.yaml')).toThrow(new Unavailable('picture.yaml cannot be read: it is not UTF-8 text'))
  })

  test('and resolves data against its folder, not the working directory', () => {
    writeFileSync(join(folder, 'named.yaml'), '\uFEFFdata: ../elsewhere\n')
    const { file, config } = loadConfig({ cwd: '/', env: {}, file: join(folder, 'named.yaml') })
    expect([file, config.data]).toEqual([join(folder, 'named.yaml'), join(folder, '../elsewhere')])
  })

  test('and names the one with the wrong ending rather than passing it over', () => {
    writeFileSync(join(folder, 'cyclewatch.yml'), 'data: x\n')
    expect(() => named()).toThrow('cyclewatch.yml is not read: rename it to cyclewatch.yaml')
  })
})
