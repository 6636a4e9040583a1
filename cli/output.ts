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

/** A column: its title, and what it shows of a row. Numbers stand right; text does when `right` says so. */
export type Column<Row> = { title: string; cell: (row: Row) => string | number | null; right?: boolean }

/** A table without borders. Hostile text in it is made harmless; on a terminal it is cut to the width. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], look: Look): string {
  const values = rows.map((row) => columns.map(({ cell }) => cell(row)))
  const cells = values.map((row) => row.map(cellText))
  const titles = columns.map(({ title }) => title)
  const widths = columns.map((_, index) => Math.max(...[titles, ...cells].map((row) => displayWidth(row[index] ?? ''))))
  const numeric = columns.map((_, index) => values.length > 0 && values.every((row) => typeof row[index] === 'number'))
  const drawn = new Table({
    head: titles,
    colWidths: look.width === null ? widths : fitted(widths, look.width),
    colAligns: columns.map(({ right }, index) => ((right ?? numeric[index]) ? 'right' : 'left')),
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  drawn.push(...cells)
  const [head = '', ...body] = drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
  return [tinted('dim', head, look), ...body].join('\n')
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

const NARROWEST = 6

/** Takes from the widest column, again and again, until the table fits or nothing can give any more. */
function fitted(widths: readonly number[], room: number): number[] {
  const fit = [...widths]
  const total = () => fit.reduce((sum, width) => sum + width, GAP.length * (fit.length - 1))
  while (total() > room) {
    const widest = Math.max(...fit)
    if (widest <= NARROWEST) break
    fit[fit.indexOf(widest)] = widest - 1
  }
  return fit
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
