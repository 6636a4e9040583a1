import { expect, test } from 'vitest'
import { cpuThrottling, findCpuStat, limitOf, memoryLimit, parseCpuStat } from '#collector/telemetry/cgroup.ts'

const V2 = 'usage_usec 1500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 250000\n'
const V1 = 'nr_periods 10\nnr_throttled 3\nthrottled_time 250000000\n'

const texts: [what: string, text: string, throttling: object | undefined][] = [
  ['version 2', V2, { periods: 3, ms: 250 }],
  ['version 1', V1, { periods: 3, ms: 250 }],
  ['a group that has no quota and does not say', 'usage_usec 1500000\nuser_usec 1\n', undefined],
  ['nothing', '', undefined],
]

for (const [what, text, throttling] of texts) {
  test(`reads ${what}`, () => expect(parseCpuStat(text)).toEqual(throttling))
}

const places: [what: string, files: Record<string, string>, path: string | undefined][] = [
  [
    'version 2 on a host',
    { '/proc/self/cgroup': '0::/user.slice/job.service\n', '/sys/fs/cgroup/user.slice/job.service/cpu.stat': V2 },
    '/sys/fs/cgroup/user.slice/job.service/cpu.stat',
  ],
  [
    'version 2 in a container that is told a path it cannot see',
    { '/proc/self/cgroup': '0::/kubepods/pod1/c1\n', '/sys/fs/cgroup/cpu.stat': V2 },
    '/sys/fs/cgroup/cpu.stat',
  ],
  [
    'version 1 with its controllers together',
    { '/proc/self/cgroup': '4:cpu,cpuacct:/docker/ab\n0::/\n', '/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.stat': V1 },
    '/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.stat',
  ],
  [
    'version 1 in a container',
    { '/proc/self/cgroup': '4:cpuacct,cpu:/docker/ab\n', '/sys/fs/cgroup/cpu/cpu.stat': V1 },
    '/sys/fs/cgroup/cpu/cpu.stat',
  ],
  [
    'a path with a colon',
    { '/proc/self/cgroup': '0::/a:b\n', '/sys/fs/cgroup/a:b/cpu.stat': V2 },
    '/sys/fs/cgroup/a:b/cpu.stat',
  ],
  [
    'only accounting, no control',
    { '/proc/self/cgroup': '2:cpuacct:/\n', '/sys/fs/cgroup/cpuacct/cpu.stat': V1 },
    undefined,
  ],
  ['a system without control groups', {}, undefined],
]

for (const [what, files, path] of places) {
  test(`finds ${what}`, () => expect(findCpuStat((name) => files[name])).toBe(path))
}

const limits: [what: string, constrained: number, limit: number][] = [
  ['the container', 512, 512],
  ['the machine without a limit', 0, 1_024],
  ['the machine when the limit is absurd', 2 ** 64, 1_024],
]

for (const [what, constrained, limit] of limits) {
  test(`takes the limit of ${what}`, () => expect(limitOf(constrained, 1_024)).toBe(limit))
}

test('reads this machine', () => {
  expect(memoryLimit(performance.now())).toBeGreaterThan(process.memoryUsage.rss())
  const throttling = cpuThrottling()
  if (throttling) expect(throttling.ms).toBeGreaterThanOrEqual(0)
})
