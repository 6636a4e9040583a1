// Finishes dist/ after tsc: the files that are no TypeScript, and what the `#` imports mean there. Node refuses .ts files
// below node_modules, so the published package needs this; a checkout does not.

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')

for (const folder of ['storage/queries', 'storage/migrations', 'storage/otlp']) {
  cpSync(join(root, folder), join(dist, folder), { recursive: true })
}

const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports: Record<string, string> }
const compiled = Object.entries(imports)
  .filter(([name]) => !name.startsWith('#test/'))
  .map(([name, path]) => [name, path.replace(/\.ts$/, '.js')])
writeFileSync(
  join(dist, 'package.json'),
  JSON.stringify({ type: 'module', imports: Object.fromEntries(compiled) }, null, 2),
)
