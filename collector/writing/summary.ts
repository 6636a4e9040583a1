// What a query does, in a few stable words: its operations and their targets in the order of the text, never a literal.
// As OpenTelemetry's database conventions ask for (`db.query.summary`, `db.query.text`). Pure and total over any text.

import { type Token, tokensOf } from '#collector/writing/tokens.ts'

/** The conventions' limit; what would not fit whole is left out. */
const LONGEST_SUMMARY = 255
const LONGEST_TEXT = 2_000

const words = (text: string) => new Set(text.split(' '))
const DEFINING = words('CREATE ALTER DROP')
const OBJECTS = words(
  'TABLE VIEW INDEX DATABASE SCHEMA SEQUENCE TRIGGER FUNCTION PROCEDURE TYPE ROLE USER EXTENSION DICTIONARY',
)
const CHANGING = words('INSERT UPDATE DELETE MERGE REPLACE UPSERT TRUNCATE CALL EXEC EXECUTE OPTIMIZE COPY')
const COMMANDS = words(
  'BEGIN START COMMIT ROLLBACK END SAVEPOINT RELEASE SET SHOW DESCRIBE DESC EXPLAIN PRAGMA VACUUM ANALYZE REINDEX USE ' +
    'ATTACH DETACH LOCK GRANT REVOKE LISTEN NOTIFY DECLARE FETCH CLOSE SYSTEM KILL VALUES REFRESH CHECKPOINT',
)
/** After which the name of a target comes. */
const BEFORE_TARGET = words('FROM JOIN INTO UPDATE TABLE TRUNCATE OPTIMIZE CALL EXEC EXECUTE COPY USING')
/** May stand between such a word and the name. */
const NOISE = words('ONLY TABLE LATERAL INTO OR IGNORE ABORT FAIL ROLLBACK REPLACE FUNCTION IF NOT EXISTS')
/** After which a changing word begins a statement, where it is not the first. */
const BEFORE_STATEMENT = words('EXPLAIN ANALYZE')
/** After these a parenthesis holds columns; after a name elsewhere it makes that a function. */
const BEFORE_COLUMNS = words('INTO TABLE')
const EXISTENCE = words('IF NOT EXISTS CONCURRENTLY')
/** What ends a list of tables. */
const AFTER_TARGETS = words(
  'WHERE GROUP ORDER HAVING LIMIT ON SET VALUES UNION EXCEPT INTERSECT RETURNING SELECT WINDOW',
)

/**
 * For example `INSERT prices`, `SELECT orders customers`, `CREATE TABLE coins`; empty when nothing is recognized.
 * `system` is the `db.system.name`, which decides where literals end.
 */
export function summaryOf(text: string, system: string): string {
  return joined(read(tokensOf(text, system)))
}

/** The text with `?` for each literal, without comments, lists of literals as one, and cut at 2,000 characters. */
export function sanitized(text: string, system: string): string {
  let clean = ''
  for (const { kind, text: part, spaced } of tokensOf(text, system)) {
    if (clean.length > 2 * LONGEST_TEXT) break
    // SQLite and others take an unknown name in double quotes as text.
    const isDoubtful = kind === 'name' && part.startsWith('"') && !['postgresql', 'clickhouse'].includes(system)
    clean += (spaced && clean !== '' ? ' ' : '') + (isDoubtful ? '?' : part)
  }
  const folded = clean.replace(/\?(?:\s?,\s?\?)+/g, '?').replace(/\(\s?\?\s?\)(?:\s?,\s?\(\s?\?\s?\))+/g, '(?)')
  return folded.length > LONGEST_TEXT ? `${folded.slice(0, LONGEST_TEXT)}…` : folded
}

/** One pair of parentheses, or the text outside any. */
type Frame = {
  /** Whether a FROM here names tables, unlike that of `extract(year FROM at)`. */
  reads: boolean
  /** Whether a comma here leads to another table. */
  lists: boolean
}

type Reading = { parts: string[]; frames: Frame[]; at: number; begun: boolean }

function read(tokens: Token[]): string[] {
  const reading: Reading = { parts: [], frames: [{ reads: false, lists: false }], at: 0, begun: false }
  while (reading.at < tokens.length) {
    const token = tokens[reading.at] as Token
    if (token.kind === 'sign') readSign(reading, tokens, token.text)
    else if (token.kind === 'word') readWord(reading, tokens, token.text)
    else reading.at += 1
  }
  return reading.parts
}

function readSign(reading: Reading, tokens: Token[], sign: string): void {
  const { frames } = reading
  reading.at += 1
  if (sign === '(') frames.push({ reads: false, lists: false })
  else if (sign === ')' && frames.length > 1) frames.pop()
  else if (sign === ';') Object.assign(reading, { frames: [{ reads: false, lists: false }], begun: false })
  else if (sign === ',' && frames.at(-1)?.lists) readTarget(reading, tokens)
}

function readWord(reading: Reading, tokens: Token[], text: string): void {
  const word = text.toUpperCase()
  const { begun, at } = reading
  const frame = reading.frames.at(-1) as Frame
  reading.begun = true
  reading.at += 1
  if (!begun && DEFINING.has(word)) readDefinition(reading, tokens, text)
  else if (word === 'SELECT') {
    reading.parts.push(text)
    Object.assign(frame, { reads: true, lists: false })
  } else if (CHANGING.has(word) && beginsStatement(tokens, at, begun)) {
    reading.parts.push(text)
    frame.reads = true
    if (BEFORE_TARGET.has(word)) readTarget(reading, tokens)
  } else if (!begun && COMMANDS.has(word)) reading.parts.push(text)
  else if (AFTER_TARGETS.has(word)) frame.lists = false
  else if (frame.reads && namesTarget(tokens, at, word)) {
    frame.lists = word !== 'INTO'
    readTarget(reading, tokens)
  }
}

/** Unlike the REPLACE of `replace(a, b)` and the UPDATE of `ON CONFLICT DO UPDATE`, `FOR UPDATE`, `ON DELETE`. */
function beginsStatement(tokens: Token[], at: number, begun: boolean): boolean {
  if (tokens[at + 1]?.text === '(') return false
  const before = tokens[at - 1]
  if (!begun || !before || before.text === ')' || before.text === '(') return true
  return before.kind === 'word' && BEFORE_STATEMENT.has(before.text.toUpperCase())
}

function namesTarget(tokens: Token[], at: number, word: string): boolean {
  if (!BEFORE_TARGET.has(word) || word === 'UPDATE') return false
  // `a IS DISTINCT FROM b`; ClickHouse's `ARRAY JOIN column`; `JOIN a USING (id)`.
  if (['DISTINCT', 'ARRAY'].includes(tokens[at - 1]?.text.toUpperCase() ?? '')) return false
  return word !== 'USING' || tokens[at + 1]?.text !== '('
}

/** Takes the dotted name that comes next, unless a subquery or a function comes. */
function readTarget(reading: Reading, tokens: Token[]): void {
  while (isWord(tokens[reading.at], NOISE)) reading.at += 1
  const hasColumns = isWord(tokens[reading.at - 1], BEFORE_COLUMNS)
  const [name, next] = nameAt(tokens, reading.at)
  if (name === '' || (tokens[next]?.text === '(' && !hasColumns)) return
  reading.parts.push(name)
  reading.at = next
}

/** `CREATE UNIQUE INDEX IF NOT EXISTS a ON b (…)` is `CREATE INDEX a`; the body of what it makes is not what it does. */
function readDefinition(reading: Reading, tokens: Token[], verb: string): void {
  let at = reading.at
  const end = statementEnd(tokens, at)
  while (at < end && tokens[at]?.kind === 'word' && !isWord(tokens[at], OBJECTS)) at += 1
  const object = isWord(tokens[at], OBJECTS) ? (tokens[at] as Token).text : ''
  at += 1
  while (at < end && isWord(tokens[at], EXISTENCE)) at += 1
  const name = object === '' || at >= end ? '' : nameAt(tokens, at)[0]
  reading.parts.push(...[verb, object, name].filter((part) => part !== ''))
  reading.at = end
}

function statementEnd(tokens: Token[], from: number): number {
  const end = tokens.findIndex(({ text }, index) => index >= from && text === ';')
  return end < 0 ? tokens.length : end
}

function isWord(token: Token | undefined, among: Set<string>): boolean {
  return token?.kind === 'word' && among.has(token.text.toUpperCase())
}

/** The dotted name that begins at `at`, and what comes after it. */
function nameAt(tokens: Token[], at: number): [name: string, next: number] {
  let name = ''
  let next = at
  for (; ; next += 2) {
    const token = tokens[next]
    if (token?.kind !== 'word' && token?.kind !== 'name') return [name, name === '' ? at : next]
    name += token.kind === 'name' ? unquoted(token.text) : token.text
    if (tokens[next + 1]?.text !== '.') return [name, next + 1]
    name += '.'
  }
}

/** Without its quotes where it is readable so. */
function unquoted(name: string): string {
  const inner = name.slice(1, -1)
  return /^[\p{L}_][\p{L}\p{N}_$]*$/u.test(inner) ? inner : name
}

function joined(parts: string[]): string {
  let summary = ''
  for (const part of parts) {
    const longer = summary === '' ? part : `${summary} ${part}`
    if (longer.length > LONGEST_SUMMARY) break
    summary = longer
  }
  return summary
}
