// What the engine reads when it starts: server settings, and users with no more rights than they need.

import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BadInput, messageOf, Unavailable } from '#model/errors.ts'

export const ENGINE_USER = 'cyclewatch'

/** Where things lie below the data folder. What we make there only the owner may enter. */
export type EngineFolder = {
  root: string
  store: string
  config: string
  users: string
  password: string
  port: string
}

export function engineFolder(data: string): EngineFolder {
  const root = join(data, 'engine')
  return {
    root,
    store: join(root, 'store'),
    config: join(root, 'config.xml'),
    users: join(root, 'users.xml'),
    password: join(root, 'password'),
    port: join(root, 'port'),
  }
}

/**
 * Writes the engine's files below `data` and returns the password of its user, made at the first start.
 * Throws Unavailable when that cannot be done there, BadInput for a path that ClickHouse cannot read its files from.
 */
export function writeEngineFiles(data: string, folder: EngineFolder): string {
  if (data.includes('\\')) throw new BadInput(`the data folder ${data} must not have a backslash in its path`)
  try {
    return write(data, folder)
  } catch (cause) {
    throw new Unavailable(`the data folder ${data} cannot be used (${messageOf(cause)}); set data to another one`, {
      cause,
    })
  }
}

function write(data: string, folder: EngineFolder): string {
  for (const path of [data, folder.root, folder.store]) makeFolder(path)
  if (!existsSync(folder.password)) writeSecret(folder.password, randomBytes(24).toString('base64url'))
  const password = readFileSync(folder.password, 'utf8')
  writeSecret(folder.config, configXml(password))
  writeSecret(folder.users, usersXml(password))
  return password
}

/** Level by level: mkdir's own `recursive` never returns where the file system refuses new folders, as /proc does. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}

function writeSecret(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
}

// Sized for one machine shared with the jobs it watches. A relative users_config is resolved against this file.
// HTTP answers our user alone, and nobody else at all: a web page can make a browser send requests to loopback, and the
// user without a password that the engine needs for itself may switch the port off.
function configXml(password: string): string {
  const credentials = Buffer.from(`${ENGINE_USER}:${password}`).toString('base64')
  return `<clickhouse>
  <users_config>users.xml</users_config>
  <logger><level>none</level></logger>
  <mark_cache_size>268435456</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>
  <max_concurrent_queries>100</max_concurrent_queries>
  <http_handlers>
    <rule>
      <headers><Authorization>Basic ${credentials}</Authorization></headers>
      <handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>
    </rule>
  </http_handlers>
</clickhouse>
`
}

// The engine logs itself in as \`default\` without a password, so that user may only open the port and sleep.
function usersXml(password: string): string {
  const hash = createHash('sha256').update(password).digest('hex')
  return `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>
    <${ENGINE_USER}>
      <password_sha256_hex>${hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE, KILL QUERY, SYSTEM, CREATE TEMPORARY TABLE ON *.*</query>
        <query>GRANT TABLE ENGINE ON Null</query>
        <query>GRANT TABLE ENGINE ON Memory</query>
        <query>GRANT TABLE ENGINE ON MergeTree</query>
        <query>GRANT TABLE ENGINE ON ReplacingMergeTree</query>
        <query>GRANT TABLE ENGINE ON AggregatingMergeTree</query>
      </grants>
    </${ENGINE_USER}>
  </users>
</clickhouse>
`
}
