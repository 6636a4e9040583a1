import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CERTIFICATE, KEY } from '#test/certificate.ts'
import { run } from '#test/cli/surroundings.ts'

test('refuses in one line, before anything starts, to run where ingest speaks TLS', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'demo-'))
  writeFileSync(join(cwd, 'cert.pem'), CERTIFICATE)
  writeFileSync(join(cwd, 'key.pem'), KEY)
  writeFileSync(join(cwd, 'cyclewatch.yaml'), 'ingest: { tls: { cert: cert.pem, key: key.pem } }\n')
  const { code, out, err } = await run(['demo'], { cwd })
  expect({ code, out }).toEqual({ code: 64, out: '' })
  expect(err).toMatch(/^cyclewatch: the demo cannot send over TLS; .*--config\)\n$/)
  expect(existsSync(join(cwd, 'data'))).toBe(false)
  rmSync(cwd, { recursive: true })
})
