// What collector/README.md shows: its files, and its commands in their order.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export const README = readFileSync(resolve(import.meta.dirname, '../../collector/README.md'), 'utf8')

const blocks = [...README.matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(
  ([, language = '', file = '', text = '']) => ({ language, file, text }),
)

/** Shown with their names: ```py prices.py */
export const files = blocks.filter(({ language, file }) => language === 'py' && file !== '')

const groups = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text.trim().split('\n'))

/** The commands that make the environment: those of the block that calls pip. */
export function installing(): string[] {
  return groups.find(isInstalling) ?? []
}

/** All other commands. */
export function running(): string[] {
  return groups.filter((group) => !isInstalling(group)).flat()
}

function isInstalling(commands: string[]): boolean {
  return commands.some((command) => command.includes('pip install'))
}
