// Log records of a cycle: that it has begun, how far it is, which flag it follows, and the lines that job code writes.

import {
  type Attributes,
  type Context,
  type HrTime,
  logs,
  ROOT_CONTEXT,
  SeverityNumber,
  type Span,
  trace,
} from '@opentelemetry/api'
import { type AttributeInput, checkOneOf } from '#collector/arguments.ts'
import { type Ongoing, placeIn } from '#collector/ongoing.ts'
import { cycleOf, type StartedSpan } from '#collector/telemetry/span-figures.ts'
import { CYCLE } from '#model/attributes.ts'
import { messageOf } from '#model/errors.ts'

const LEVELS = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
} as const

export type LogLevel = keyof typeof LEVELS
const LEVEL_NAMES = Object.keys(LEVELS)

type Event = { name: string; body: string; attributes: Attributes; timestamp?: HrTime }

/** Says that a cycle runs, when the span is the root of one. */
export function tellStarted(span: Span & StartedSpan & { startTime: HrTime }): void {
  const name = cycleOf(span)
  if (name === undefined) return
  emit(trace.setSpan(ROOT_CONTEXT, span), {
    name: 'cycle.started',
    body: `cycle '${name}' has begun`,
    attributes: { [CYCLE.name]: name, [CYCLE.trigger]: span.attributes[CYCLE.trigger] },
    timestamp: span.startTime,
  })
}

/** `total` when it is known. */
export function tellProgress(ongoing: Ongoing, done: number, total: number | undefined): void {
  emit(ongoing.context, {
    name: 'cycle.progress',
    body: total === undefined ? `${done} done` : `${done} of ${total} done`,
    attributes: { [CYCLE.name]: ongoing.name, 'cycle.progress.done': done, 'cycle.progress.total': total },
  })
}

/** By the semantic conventions for feature flags. */
export function tellFlag(ongoing: Ongoing, key: string, value: string | number | boolean): void {
  emit(placeIn(ongoing).context, {
    name: 'feature_flag.evaluation',
    body: `${key} is ${value}`,
    attributes: { [CYCLE.name]: ongoing.name, 'feature_flag.key': key, 'feature_flag.result.value': value },
  })
}

/**
 * Writes a line into the cycle's log, at the step whose code calls it. Values that OpenTelemetry does not know are left
 * out. Throws BadInput for an unknown level. After the cycle's end a line still belongs to it.
 */
export function logIn(
  ongoing: Ongoing,
  level: LogLevel,
  message: string,
  attributes: Record<string, AttributeInput> = {},
): void {
  checkOneOf(level, LEVEL_NAMES, `the level of a log line in cycle '${ongoing.name}'`)
  logs.getLogger('cyclewatch').emit({
    context: placeIn(ongoing).context,
    severityNumber: LEVELS[level as LogLevel],
    severityText: String(level).toUpperCase(),
    body: messageOf(message),
    attributes: { ...told(attributes), [CYCLE.name]: ongoing.name },
  })
}

function emit(context: Context, { name, body, attributes, timestamp }: Event): void {
  logs.getLogger('cyclewatch').emit({
    eventName: name,
    context,
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body,
    attributes: told({ 'event.name': name, ...attributes }),
    ...(timestamp ? { timestamp } : {}),
  })
}

function told(attributes: Record<string, AttributeInput> | Attributes): Attributes {
  const known = Object.entries(attributes ?? {}).filter(([key, value]) => {
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value)
    return key !== '' && isPlain
  })
  return Object.fromEntries(known) as Attributes
}
