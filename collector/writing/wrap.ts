// A driver's object with some of its methods watched: the rest, its type and its private state stay as they are.

/** Gets the method as the driver has it, already bound, and the arguments. */
export type Watch = (method: (...args: unknown[]) => unknown, args: unknown[]) => unknown

export function wrapped<T extends object>(target: T, watches: Record<string, Watch>): T {
  const made = new Map<PropertyKey, { of: unknown; method: unknown }>()
  const proxy: T = new Proxy(target, {
    get(_, key) {
      // With the target as receiver, because drivers written in C++ or with private fields know only that.
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function' || key === 'constructor') return value
      const before = made.get(key)
      if (before?.of === value) return before.method
      const watch = typeof key === 'string' && Object.hasOwn(watches, key) ? watches[key] : undefined
      const method = methodOf(target, () => proxy, value as Method, watch)
      made.set(key, { of: value, method })
      return method
    },
    set: (_, key, value) => Reflect.set(target, key, value, target),
  })
  return proxy
}

type Method = (...args: unknown[]) => unknown

/** A method that returns its object, for chaining, returns the watched one. */
function methodOf(target: object, proxy: () => object, method: Method, watch: Watch | undefined): Method {
  const bound: Method = (...args) => Reflect.apply(method, target, args)
  return (...args) => {
    const result = watch ? watch(bound, args) : bound(...args)
    return result === target ? proxy() : result
  }
}
