// How results look: tables and figures for people, one JSON document for programs. Pure but for `print`.

import { styleText } from 'node:util'
import Table from 'cli-table3'
import { harmless } from './harmless.ts'
import type { Output, Surroundings } from './surroundings.ts'

/** How text may look where it goes. `width` is null where it is no terminal: nothing is cut then. */
export type Look = { colour: boolean; width: number | null }

/** Colours only on a terminal, and never against NO_COLOR (https://no-color.org). */
export function lookOf(output: Output, env: Surroundings['env']): Look {
  const terminal = output.isTTY === true
  return {
    colour: terminal && !env.NO_COLOR && env.TERM !== 'dumb',
    // A terminal without a size says 0.
    width: terminal ? output.columns || 80 : null,
  }
}

/** Writes a text and a line break to stdout. */
export function print({ stdout }: Pick<Surroundings, 'stdout'>, text: string): void {
  stdout.write(`${text}\n`)
}

/** Writes the one JSON document of a command called with `--json`. */
export function printJson(io: Pick<Surroundings, 'stdout'>, document: unknown): void {
  print(io, JSON.stringify(document, null, 2))
}

/**
 * A column: its title, and what it shows of a row. Numbers stand right; text does when `right` says so. Where the terminal
 * is too narrow, columns with `drop` are left out, the lowest number first, and then text with `cut` is shortened;
 * everything else stays whole, because half a figure or half an id is none.
 */
export type Column<Row> = {
  title: string
  cell: (row: Row) => string | number | null
  right?: boolean
  drop?: number
  cut?: boolean
}

/** A column with its cells as they are shown, title first. */
type Drawn<Row> = { column: Column<Row>; texts: string[]; width: number; right: boolean }

/** A table without borders. Hostile text in it is made harmless; on a terminal it is fitted to the width. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], look: Look): string {
  const all = columns.map((column) => drawnColumn(rows, column))
  const drawn = look.width === null ? all : cutToFit(dropToFit(all, look.width), look.width)
  const text = new Table({
    head: drawn.map(({ texts }) => texts[0] ?? ''),
    colWidths: drawn.map(({ width }) => width),
    colAligns: drawn.map(({ right }) => (right ? 'right' : 'left')),
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  text.push(...rows.map((_, row) => drawn.map(({ texts }) => texts[row + 1] ?? '')))
  const [head = '', ...body] = text
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
  return [tinted('dim', head, look), ...body].join('\n')
}

function drawnColumn<Row>(rows: readonly Row[], column: Column<Row>): Drawn<Row> {
  const values = rows.map(column.cell)
  const texts = [column.title, ...values.map(cellText)]
  const numeric = values.length > 0 && values.every((value) => typeof value === 'number')
  return { column, texts, width: Math.max(...texts.map(displayWidth)), right: column.right ?? numeric }
}

/** Text in a style of node:util where colours are allowed, plain elsewhere. */
export function tinted(style: Parameters<typeof styleText>[0], text: string, { colour }: Look): string {
  return colour ? styleText(style, text, { validateStream: false }) : text
}

const GAP = '  '
const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
}

function cellText(value: string | number | null): string {
  if (value === null) return '–'
  return typeof value === 'number' ? count(value) : harmless(value)
}

/** A name shorter than this could be any. */
const NARROWEST = 12

function tooWide(drawn: Drawn<never>[], room: number): number {
  return drawn.reduce((sum, { width }) => sum + width, GAP.length * (drawn.length - 1)) - room
}

function dropToFit<Row>(drawn: Drawn<Row>[], room: number): Drawn<Row>[] {
  const droppable = drawn.filter(({ column }) => column.drop !== undefined)
  const [first] = droppable.sort((a, b) => (a.column.drop ?? 0) - (b.column.drop ?? 0))
  if (!first || tooWide(drawn, room) <= 0) return drawn
  return dropToFit(
    drawn.filter((column) => column !== first),
    room,
  )
}

function cutToFit<Row>(drawn: Drawn<Row>[], room: number): Drawn<Row>[] {
  const excess = tooWide(drawn, room)
  const [widest] = drawn
    .filter(({ column, width }) => column.cut && width > NARROWEST)
    .sort((a, b) => b.width - a.width)
  if (!widest || excess <= 0) return drawn
  return drawn.map((column) =>
    column === widest ? { ...column, width: Math.max(NARROWEST, column.width - excess) } : column,
  )
}

// East Asian scripts and emoji take two places. Rather too wide than too narrow: then a column only has more air.
const WIDE = /[\u1100-\u115F\u2E80-\uFFFF\u{10000}-\u{3FFFF}]|\p{Emoji_Presentation}/u

function displayWidth(text: string): number {
  return [...text].reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0)
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 3 })

/** A number with thousands separators: `1,234,567`. */
export function count(value: number): string {
  return Number.isFinite(value) ? grouped.format(value) : '–'
}

/** A fraction as percent. Never rounded to nothing or to all: `0.04%`, `<0.01%`, `99.9%`, `>99.9%`, `100%`. */
export function share(fraction: number): string {
  if (!Number.isFinite(fraction)) return '–'
  if (fraction === 0 || fraction === 1) return `${fraction * 100}%`
  const percent = fraction * 100
  if (percent > 0 && percent < 0.01) return '<0.01%'
  if (percent > 99.9 && percent < 100) return '>99.9%'
  return `${percent.toFixed(percent < 10 ? 2 : 1)}%`
}

/** A moment (epoch ms, or RFC 3339 as the API writes it) as RFC 3339 in UTC, to the second: `2026-11-22T05:35:00Z`. */
export function moment(time: number | string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '–' : date.toISOString().replace(/\.\d{3}Z$/, 'Z')
}
