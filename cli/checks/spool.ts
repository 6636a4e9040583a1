// What lies in the spool on disk, whether or not anything runs: what waits for ClickHouse, and what it refuses.

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Finding, fault, good } from '#cli/checks/finding.ts'
import { count, moment } from '#cli/output.ts'
import { ourCommand } from '#cli/version.ts'
import { CONTENT_TYPES } from '#ingest/encoding.ts'
import { begunAt, listSpool, quarantineFolder, type Segment } from '#ingest/spool/folder.ts'
import { listQuarantine, type Quarantined, quarantineBytes } from '#ingest/spool/quarantine.ts'
import { formatDuration } from '#model/durations.ts'
import { messageOf } from '#model/errors.ts'
import { formatSize } from '#model/sizes.ts'

/** `limitBytes` is ingest.spoolBytes, `endpoint` where a body could be sent to again, `now` epoch milliseconds. */
export type SpoolQuestion = { folder: string; limitBytes: number; endpoint: string; tokens: boolean; now: number }

const LONG_MS = 60_000
const NEARLY_FULL = 0.8

export function checkSpool(question: SpoolQuestion): Finding[] {
  const { folder } = question
  if (!existsSync(folder)) return [good('spool', 'there is none yet; the first start makes it')]
  try {
    const { segments, refused, refusedBytes } = look(folder)
    return [waiting(segments, refusedBytes, question), ...(refused.length > 0 ? [quarantined(refused, question)] : [])]
  } catch (error) {
    return [fault('spool', messageOf(error), 'see who owns its files, or set data to another folder')]
  }
}

type Looked = { segments: Segment[]; refused: Quarantined[]; refusedBytes: number }

function look(folder: string): Looked {
  const here = (note: Quarantined) => ({ ...note, file: join(quarantineFolder(folder), basename(note.file)) })
  const refused = listQuarantine(folder).map(here)
  return {
    segments: listSpool(folder).segments,
    // A note whose file is gone: somebody has dealt with it.
    refused: refused.filter(({ file }) => existsSync(file)),
    refusedBytes: quarantineBytes(folder),
  }
}

function waiting(segments: Segment[], refusedBytes: number, { limitBytes, now }: SpoolQuestion): Finding {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  const age = Math.max(0, ...segments.slice(0, 1).map((oldest) => now - begunAt(oldest)))
  const oldest = `${formatSize(bytes)} wait for ClickHouse, the oldest for ${formatDuration(age)}`
  const room = formatSize(Math.max(0, limitBytes - bytes - refusedBytes))
  const says = `${bytes === 0 ? 'nothing waits for ClickHouse' : oldest}; there is room for ${room}`
  if (bytes + refusedBytes > NEARLY_FULL * limitBytes) {
    const rest = refusedBytes > 0 ? `, and quarantine takes ${formatSize(refusedBytes)}` : ''
    const todo = 'when it is full, senders get 503: see to ClickHouse, empty the quarantine, or raise ingest.spoolBytes'
    return fault('spool', `${says} of ${formatSize(limitBytes)}${rest}`, todo)
  }
  if (bytes === 0 || age <= LONG_MS) return good('spool', says)
  return fault('spool', says, `it is stored by itself as soon as '${ourCommand()} up' runs and ClickHouse takes it`)
}

const MOST_REASONS = 3
const MOST_REASON = 200

function quarantined(refused: Quarantined[], question: SpoolQuestion): Finding {
  const bytes = refused.reduce((sum, one) => sum + one.bytes, 0)
  const what = refused.length === 1 ? '1 body' : `${count(refused.length)} bodies`
  const says = `${what} put aside, ${formatSize(bytes)}, in ${quarantineFolder(question.folder)}`
  const newestFirst = refused.toSorted((a, b) => b.at.localeCompare(a.at))
  const byReason = Map.groupBy(newestFirst, ({ signal, reason }) => `${signal}: ${shortened(reason)}`)
  const reasons = [...byReason].slice(0, MOST_REASONS).map(([reason, alike]) => described(reason, alike))
  const more = byReason.size > MOST_REASONS ? [`… and ${byReason.size - MOST_REASONS} other reasons`] : []
  const removal = 'delete the file and its .reason.json'
  const again = newestFirst.find(({ damaged }) => !damaged)
  if (again === undefined) {
    const todo = `what was damaged cannot be sent again; look at the disk, then ${removal}`
    return { ...fault('quarantine', says, todo), details: [...reasons, ...more] }
  }
  const todo = `report the reason, please; when it is mended, send it again, or not; then ${removal}`
  return {
    ...fault('quarantine', says, todo),
    details: [...reasons, ...more, `send with: ${commandFor(again, question)}`],
  }
}

function described(reason: string, alike: Quarantined[]): string {
  const [newest] = alike as [Quarantined]
  const which = alike.length === 1 ? '' : `${count(alike.length)} times, last `
  return `${which}${moment(newest.at)} ${basename(newest.file)}, ${reason}`
}

function shortened(reason: string): string {
  const line = reason.replace(/\s+/g, ' ').trim()
  return line.length > MOST_REASON ? `${line.slice(0, MOST_REASON)}…` : line
}

function commandFor({ signal, encoding, file }: Quarantined, { endpoint, tokens }: SpoolQuestion): string {
  const token = tokens ? " -H 'Authorization: Bearer SECRET'" : ''
  return `curl ${endpoint}/v1/${signal}${token} -H 'Content-Type: ${CONTENT_TYPES[encoding]}' --data-binary @${quoted(file)}`
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`
}
