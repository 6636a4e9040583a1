// The whole configuration: the sections of the folders joined, read from cyclewatch.yaml, every problem at once.

import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve as resolvePath } from 'node:path'
import { z } from 'zod'
import { apiConfig } from '#api/config.ts'
import { ingestConfig, tokensConfig } from '#ingest/config.ts'
import { definitionsConfig } from '#model/definitions.ts'
import { BadInput, type Problem, Unavailable } from '#model/errors.ts'
import { storageConfig } from '#storage/config.ts'
import type { Server } from '#storage/server.ts'
import { type CertificateFiles, tlsMistakes } from './config/certificate.ts'
import { type Path, readYaml, type YamlDocument } from './config/document.ts'
import { effective } from './config/effective.ts'
import { readText } from './config/files.ts'
import { listeningMistakes } from './config/listening.ts'
import { type Mistake, mistakesOf, wording } from './config/problems.ts'
import { type Resolved, resolve } from './config/resolve.ts'
import { at, defaultOf, isSecret } from './config/shape.ts'

/** One section for every folder that has something to configure. */
const configSchema = z.strictObject({
  ...storageConfig.shape,
  ingest: ingestConfig.prefault({}),
  api: apiConfig.prefault({}),
  tokens: tokensConfig,
  cycles: definitionsConfig,
})

/** What the product runs with: defaults filled in, `data` and the files of `ingest.tls` absolute paths. */
export type Config = z.output<typeof configSchema>

/** `shown` is the same as it would stand in a file, secrets as `***`: for printing, never for use. */
export type ReadConfig = { config: Config; shown: unknown }

/** `file` is null when there is none and all is default. */
export type LoadedConfig = ReadConfig & { file: string | null }

/** Where to look. `file` is what the user named, if anything. */
export type ConfigSource = { cwd: string; env: Readonly<Record<string, string | undefined>>; file?: string | undefined }

const USUAL_NAME = 'cyclewatch.yaml'

/**
 * Reads `file`, or else cyclewatch.yaml in `cwd` if there is one. Throws BadInput with one problem for each mistake in
 * it (`path` is file:line:column and the key), Unavailable when it cannot be read.
 */
export function loadConfig({ cwd, env, file }: ConfigSource): LoadedConfig {
  const label = file ?? USUAL_NAME
  const path = resolvePath(cwd, label)
  const text = readText(path)
  if (typeof text !== 'string') {
    if (file !== undefined || !text.missing) throw new Unavailable(`${label} cannot be read: ${text.reason}`)
    refuseOtherName(cwd)
    return { file: null, ...parseConfig('', { label, folder: cwd, env }) }
  }
  return { file: path, ...parseConfig(text, { label, folder: dirname(path), env }) }
}

/** The ClickHouse server of the user's own; null means the embedded engine. */
export function configuredServer({ clickhouse: { url, user, password } }: Config): Server | null {
  return url === undefined ? null : { url, user, password }
}

/** Where ingest keeps what is not stored yet. */
export function spoolFolder({ data }: Config): string {
  return join(data, 'spool')
}

/** How a text is to be read: its name in messages, the folder its relative paths start from, the environment. */
export type Reading = { label: string; folder: string; env: ConfigSource['env'] }

/** Reads the text of a configuration file. Throws BadInput as `loadConfig` does. */
export function parseConfig(text: string, { label, folder, env }: Reading): ReadConfig {
  const document = readYaml(text)
  const resolved = resolve(document.value ?? {}, configSchema, { env, readText: secretReader(folder) })
  const result = configSchema.safeParse(resolved.value, { error: wording(hiddenIn(resolved)) })
  const issues = result.success ? [] : mistakesOf(result.error.issues, configSchema)
  const tls = tlsFiles(resolved.value, folder)
  const further = [...listening(resolved.value), ...(tls ? tlsMistakes(tls) : [])]
  const mistakes = document.readable ? firstOfEach([...resolved.mistakes, ...issues, ...further]) : []
  const problems = inOrder(document, mistakes, label)
  if (problems.length > 0) throw new BadInput(summary(label, problems.length), { problems })
  const config = result.data as Config
  const data = resolvePath(folder, config.data)
  const shown = { ...Object(resolved.value), data, ingest: { ...Object(read(resolved.value, 'ingest')), tls } }
  return { config: { ...config, data, ingest: { ...config.ingest, tls } }, shown: effective(shown, configSchema) }
}

/** The files of `ingest.tls` with absolute paths, when both are named. */
function tlsFiles(value: unknown, folder: string): CertificateFiles | null {
  const tls = read(read(value, 'ingest'), 'tls')
  const [cert, key] = [read(tls, 'cert'), read(tls, 'key')]
  if (typeof cert !== 'string' || typeof key !== 'string' || !cert.trim() || !key.trim()) return null
  return { cert: resolvePath(folder, cert), key: resolvePath(folder, key) }
}

// All defaults without a word would be a riddle to whoever wrote the file and gave it the other ending.
function refuseOtherName(cwd: string): void {
  const other = ['cyclewatch.yml', 'cyclewatch.json'].find((name) => existsSync(join(cwd, name)))
  if (other) throw new BadInput(`${other} is not read: rename it to ${USUAL_NAME}, or say --config ${other}`)
}

function secretReader(folder: string): (file: string) => string {
  return (file) => {
    const text = readText(resolvePath(folder, file))
    if (typeof text !== 'string') throw new BadInput(`${basename(file)} cannot be read: ${text.reason}`)
    return text
  }
}

function hiddenIn({ fromOutside }: Resolved): (path: Path) => boolean {
  const outside = new Set(fromOutside.map((path) => z.core.toDotPath([...path])))
  return (path) => isSecret(at(configSchema, path)) || outside.has(z.core.toDotPath([...path]))
}

function listening(value: unknown): Mistake[] {
  const said = (section: string, key: string): unknown =>
    read(read(value, section), key) ?? defaultOf(at(configSchema, [section, key]))
  return listeningMistakes({
    ingest: said('ingest', 'listen'),
    api: said('api', 'listen'),
    tokens: read(value, 'tokens'),
    // With a server of the user's own no engine takes a port.
    enginePort: said('clickhouse', 'url') ? 0 : said('engine', 'httpPort'),
  })
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

// A missing variable is one problem, not also the malformed URL that it leaves behind.
function firstOfEach(mistakes: Mistake[]): Mistake[] {
  const seen = new Set<string>()
  return mistakes.filter(({ path, part }) => {
    const key = `${part} ${z.core.toDotPath([...path])}`
    return !seen.has(key) && seen.add(key)
  })
}

function inOrder(document: YamlDocument, mistakes: Mistake[], label: string): Problem[] {
  const placed = mistakes.map(({ path, part, message }) => ({ ...document.placeOf(path, part), path, message }))
  return [...document.flaws.map((flaw) => ({ ...flaw, path: [] })), ...placed]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ line, column, path, message }) => {
      const key = path.length > 0 ? `: ${z.core.toDotPath([...path])}` : ''
      return { path: `${label}:${line}:${column}${key}`, message }
    })
}

function summary(label: string, count: number): string {
  return `${label} has ${count === 1 ? 'a problem' : `${count} problems`}`
}
