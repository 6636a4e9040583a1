import { expect, test } from 'vitest'
import { endingOf } from '#cli/exit.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

const problem = (line: number) => ({ path: `c.yaml:${line}`, message: 'is wrong' })

const endings = [
  { name: 'bad input', thrown: new BadInput("no 'x'"), code: 64, lines: ["cyclewatch: no 'x'"] },
  {
    name: 'bad input with problems',
    thrown: new BadInput('two', { problems: [problem(1), problem(2)] }),
    code: 64,
    lines: ['c.yaml:1: is wrong', 'c.yaml:2: is wrong'],
  },
  { name: 'something unavailable', thrown: new Unavailable('no server'), code: 3, lines: ['cyclewatch: no server'] },
  {
    name: 'a bug',
    thrown: new TypeError('x is\nundefined'),
    code: 3,
    lines: ['cyclewatch: internal error: x is undefined; please report it (CYCLEWATCH_DEBUG=1 shows the stack)'],
  },
  { name: 'hostile text', thrown: new BadInput('a\u001b[2Jb'), code: 64, lines: ['cyclewatch: a␛[2Jb'] },
]
for (const { name, thrown, code, lines } of endings) {
  test(`ends with ${code} on ${name}`, () => expect(endingOf(thrown, false)).toEqual({ code, lines }))
}

test('shows the stack of a bug, and of nothing else, when asked to', () => {
  expect(endingOf(new TypeError('x'), true).lines.join()).toContain('exit.test.ts')
  expect(endingOf(new BadInput('x'), true).lines).toEqual(['cyclewatch: x'])
})

test('counts the problems that nobody would read', () => {
  const problems = Array.from({ length: 1_000 }, (_, line) => problem(line))
  const { lines } = endingOf(new BadInput('many', { problems }), false)
  expect([lines.length, lines.at(-1)]).toEqual([31, '… and 970 more'])
})
