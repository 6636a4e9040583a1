// The layout is the architecture (design, section 2): who may import whom, where the outside world is touched, and how
// large a file or function may get before it needs a better idea.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')

const MAY_IMPORT: Record<string, string[]> = {
  model: [],
  collector: ['model'],
  storage: ['model'],
  ingest: ['model', 'storage'],
  analysis: ['model', 'storage'],
  api: ['model', 'storage', 'ingest', 'analysis'],
  demo: ['model', 'collector'],
  cli: ['model', 'collector', 'storage', 'ingest', 'analysis', 'api', 'demo'],
  deploy: [],
  test: ['model', 'collector', 'storage', 'ingest', 'analysis', 'api', 'demo', 'cli'],
}

type Source = { path: string; folder: string; text: string; imports: string[] }

const sources: Source[] = globSync(`{${Object.keys(MAY_IMPORT).join()}}/**/*.ts`, { cwd: ROOT }).map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return { path, folder: path.split('/')[0] as string, text, imports: importsOf(text) }
})
const product = sources.filter(({ folder }) => folder !== 'test')

/** Every specifier of an import or export, static, dynamic or resolved. */
function importsOf(text: string): string[] {
  const code = withoutComments(text)
  const found = code.matchAll(/(?:\bfrom|\bimport|import\.meta\.resolve)\s*\(?\s*'([^']+)'/g)
  return [...found].map(([, specifier]) => specifier as string)
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

/** The file of ours a specifier names, or null for a package. */
function fileOf(specifier: string, from: string): string | null {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(from), specifier)) : null
}

function offenders(found: (source: Source) => string[], among = sources): string[] {
  return among.flatMap((source) => found(source).map((what) => `${source.path}: ${what}`))
}

test('folders import only what they may', () => {
  const wrong = offenders(({ path, folder, imports }) =>
    imports.filter((specifier) => {
      const target = fileOf(specifier, path)?.split('/')[0]
      return target !== undefined && target !== folder && !MAY_IMPORT[folder]?.includes(target)
    }),
  )
  expect(wrong).toEqual([])
})

test('every folder with sources is in the table', () => {
  const folders = globSync('*/**/*.ts', { cwd: ROOT, exclude: ['node_modules/**', 'dist/**', 'data/**'] }).map(
    (path) => path.split('/')[0] as string,
  )
  expect([...new Set(folders)].filter((folder) => !(folder in MAY_IMPORT))).toEqual([])
})

test('imports name an existing file by the # form across folders and ./ inside one, never ../', () => {
  const known = new Set(sources.map(({ path }) => path))
  const wrong = offenders(({ path, imports }) =>
    imports.filter((specifier) => {
      if (specifier.startsWith('../')) return true
      if (specifier.startsWith('./') && path.split('/').length > 2) return true
      const file = fileOf(specifier, path)
      return file !== null && !known.has(file)
    }),
  )
  expect(wrong).toEqual([])
})

test('no files import each other in a circle', () => {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.map((specifier) => fileOf(specifier, path)).filter((file) => file !== null),
    ]),
  )
  const state = new Map<string, 'open' | 'done'>()
  const circles: string[] = []
  function visit(path: string, trail: string[]): void {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' > '))
      return
    }
    state.set(path, 'open')
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of graph.keys()) visit(path, [])
  expect(circles).toEqual([])
})

test('only cli and test read the environment and arguments, exit, or print', () => {
  const outside = /\bprocess\.(env|argv|exit|exitCode|stdin|stdout|stderr)\b|\bconsole\./g
  const wrong = offenders(
    ({ path, text }) =>
      [...withoutComments(text).matchAll(outside)]
        .map(([what]) => what)
        .filter((what) => !isCollectorStart(path, what)),
    product.filter(({ folder }) => folder !== 'cli'),
  )
  expect(wrong).toEqual([])
})

/** The OpenTelemetry specification has the collector's start-up read OTEL_* itself. */
function isCollectorStart(path: string, what: string): boolean {
  const reads = [...(sources.find((source) => source.path === path)?.text.matchAll(/process\.env(\.\w+|\[)?/g) ?? [])]
  return (
    path.startsWith('collector/') && what === 'process.env' && reads.every(([, name]) => name?.startsWith('.OTEL_'))
  )
}

/** What a job remembers lies in a SQLite file of its own, and the collector knows nothing of storage. */
const OWN_DATABASE = /^collector\/(state\/|cache\/sqlite-)/

test('SQL lives in storage', () => {
  const sql = /\b(SELECT\s+[\s\S]{1,200}?\bFROM\b|INSERT\s+INTO\b|CREATE\s+(TABLE|VIEW|DATABASE)\b)/
  expect(
    offenders(
      ({ text }) => (sql.test(withoutComments(text)) ? ['SQL'] : []),
      product.filter(({ folder, path }) => !['storage', 'demo'].includes(folder) && !OWN_DATABASE.test(path)),
    ),
  ).toEqual([])
})

test('no folder or file is named after a kind of code', () => {
  expect(
    sources
      .map(({ path }) => path)
      .filter((path) => /(^|\/)(utils?|common|helpers?|types|misc|index)(\/|\.ts$)/.test(path)),
  ).toEqual([])
})

test('no file is longer than 300 lines', () => {
  expect(offenders(({ text }) => (text.split('\n').length > 301 ? [`${text.split('\n').length} lines`] : []))).toEqual(
    [],
  )
})

test('no function of the product is longer than 40 lines', () => {
  const wrong = offenders(
    ({ text }) =>
      functionsOf(text)
        .filter(({ lines }) => lines > 40)
        .map(({ name, lines }) => `${name} has ${lines} lines`),
    product,
  )
  expect(wrong).toEqual([])
})

const OPENING =
  /^(\s*)(?:export )?(?:default )?(?:private |static |readonly )*(?:async )?(?:function\*? (\w+)|(?:const )?\w+ = (?:async )?\(.*=> \{$|(?!if|for|while|switch|catch)\w+\([^=]*\)(?:: [^=]+)? \{$)/

/** Functions and methods as the formatter leaves them: from the line that opens one to the line that closes it at the same indent. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n')
  return lines.flatMap((line, start) => {
    const [, indent, name] = OPENING.exec(line) ?? []
    if (indent === undefined) return []
    const end = lines.findIndex(
      (other, index) =>
        index > start &&
        other.startsWith(`${indent}}`) &&
        !other.startsWith(`${indent}} =`) &&
        !other.startsWith(`${indent}}:`) &&
        !/^\s*\}.*\{$/.test(other),
    )
    return end < 0 ? [] : [{ name: name ?? line.trim(), lines: end - start + 1 }]
  })
}
