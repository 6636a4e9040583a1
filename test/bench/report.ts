// What every benchmark leaves behind: a table for people, and design.md section 10's JSON with `--json FILE`.

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export type Figure = { name: string; value: number }

/** `bar` is the figure asked for; `beside` what was measured next to it in the same run. */
export type Row = Figure & { unit: string; bar: number; better: 'lower' | 'higher'; holds: boolean; beside?: Figure[] }

export function row(
  name: string,
  value: number,
  unit: string,
  bar: number,
  better: Row['better'],
  beside?: Figure[],
): Row {
  const holds = better === 'lower' ? value <= bar : value >= bar
  return { name, value, unit, bar, better, holds, ...(beside ? { beside } : {}) }
}

/** Prints the rows, and writes them to the file after `--json`. Never fails because a figure does not hold. */
export function report(rows: readonly Row[], argv: readonly string[]): void {
  process.stdout.write(table(rows))
  const { values } = parseArgs({ args: [...argv], options: { json: { type: 'string' } }, strict: false })
  if (typeof values.json === 'string') writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ name, value, unit, bar, better, holds, beside = [] }) => [
    name,
    `${readable(value)} ${unit}`,
    `${better === 'lower' ? '≤' : '≥'} ${readable(bar)} ${unit}`,
    holds ? 'holds' : 'does not hold',
    beside.map((figure) => `${figure.name} ${readable(figure.value)}`).join(', '),
  ])
  const all = [['figure', 'measured', 'bar', '', 'beside'], ...lines]
  const widths = (all[0] as string[]).map((_, column) =>
    Math.max(...all.map((line) => (line[column] as string).length)),
  )
  return all
    .map(
      (line) =>
        `${line
          .map((cell, i) => cell.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function readable(value: number): string {
  return String(Number(value.toPrecision(4)))
}
