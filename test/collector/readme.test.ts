// collector/README.md tells other languages which attributes there are: all of those that the collector writes.

import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import * as attributes from '#model/attributes.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const readme = read('collector/README.md')
const rows = readme.split('\n').filter((line) => line.startsWith('|'))
const namesIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string)
/** What has a row of its own; a row may be of several. */
const listed = new Set(rows.flatMap((row) => namesIn(row.split('|')[1] as string)))
const mentioned = new Set([
  ...rows.flatMap(namesIn),
  ...readme
    .split('\n')
    .flatMap(namesIn)
    .filter((name) => /^(event|otel)\./.test(name)),
])

/** Every name in the constants of the model: those in objects, and the phases. */
function constants(): string[] {
  const named = Object.values(attributes).flatMap((value) =>
    typeof value === 'object' && !Array.isArray(value) ? Object.values(value as Record<string, string>) : [],
  )
  return [...named, ...attributes.PHASES.map(attributes.phaseAttribute)]
}

/** Names of attributes, metrics and events, by the namespaces they live in. */
const NAME =
  /'((?:batch|breaker|cache|cgroup|check|checkpoint|cycle|db|deployment|error|event|exception|feature_flag|host|http|network|nodejs|otel|pool|process|quota|server|service|state|step|unseen|url|vcs|wait|watermark)\.[a-z0-9_.]+)'/g

function written(path: string): string[] {
  return [
    ...read(path)
      .replace(/^import .*$/gm, '')
      .matchAll(NAME),
  ].map(([, name]) => name as string)
}

test('lists every attribute of the model', () => {
  expect(constants().length).toBeGreaterThan(26)
  expect(constants().filter((name) => !listed.has(name))).toEqual([])
})

test('lists every name that the collector writes', () => {
  const found = globSync('collector/**/*.ts', { cwd: ROOT }).flatMap(written)
  expect(found).toContain('http.request.resend_count')
  expect([...new Set(found)].filter((name) => !mentioned.has(name))).toEqual([])
})

test('lists every name that the Python example writes', () => {
  const python = globSync('collector/python/*.py', { cwd: ROOT })
  const found = python.flatMap((path) => [...read(path).replaceAll('"', "'").matchAll(NAME)].map(([, name]) => name))
  expect(found).toContain('http.request.resend_count')
  expect([...new Set(found)].filter((name) => !mentioned.has(name as string))).toEqual([])
})

test('lists no attribute of a cycle that nothing writes', () => {
  const own = [...listed].filter((name) => /^(cycle|step|wait)\.[a-z_.]+$/.test(name))
  const known = new Set([...constants(), ...globSync('collector/**/*.ts', { cwd: ROOT }).flatMap(written)])
  expect(own.length).toBeGreaterThan(20)
  expect(own.filter((name) => !known.has(name))).toEqual([])
})
