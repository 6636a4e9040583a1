// The engine's library outside the page cache: a copy that no other process has open, so that dropping it harms nobody.

import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'

/** `evict` returns which fraction of the file is in memory all the same; 0 is what it is for. */
export type ColdLibrary = { path: string; evict(): Promise<number> }

/** Copies the library into the folder. Throws where the disk has no room or the system no such calls. */
export async function coldLibrary(folder: string): Promise<ColdLibrary> {
  const calls = await openCalls()
  const { resolveLibchdb } = await import('chdb/libchdb')
  const path = join(folder, 'libchdb.so')
  await copyFile(resolveLibchdb().path, path)
  return {
    path,
    async evict() {
      await using file = await open(path, 'r+')
      // Pages that are not on disk yet cannot be dropped.
      await file.sync()
      calls.drop(file.fd)
      return calls.residentFraction(file.fd, (await file.stat()).size)
    },
  }
}

type Calls = { drop(file: number): void; residentFraction(file: number, bytes: number): number }

/** posix_fadvise, and mincore on a mapping that is never touched, of glibc on Linux. */
async function openCalls(): Promise<Calls> {
  const { dlopen, getRawPointer } = await import('node:ffi')
  const { functions } = dlopen('libc.so.6', {
    getpagesize: { return: 'i32', arguments: [] },
    posix_fadvise: { return: 'i32', arguments: ['i32', 'i64', 'i64', 'i32'] },
    mmap: { return: 'pointer', arguments: ['pointer', 'u64', 'i32', 'i32', 'i32', 'i64'] },
    mincore: { return: 'i32', arguments: ['pointer', 'u64', 'pointer'] },
    munmap: { return: 'i32', arguments: ['pointer', 'u64'] },
  })
  const [PROT_READ, MAP_SHARED, POSIX_FADV_DONTNEED] = [1, 1, 4]
  return {
    drop(file) {
      functions.posix_fadvise(file, 0n, 0n, POSIX_FADV_DONTNEED)
    },
    residentFraction(file, bytes) {
      const pages = Buffer.alloc(Math.ceil(bytes / Number(functions.getpagesize())))
      const start = functions.mmap(0n, BigInt(bytes), PROT_READ, MAP_SHARED, file, 0n) as bigint
      const failed = functions.mincore(start, BigInt(bytes), getRawPointer(pages))
      functions.munmap(start, BigInt(bytes))
      if (failed) throw new Error('mincore does not say what is in memory')
      return pages.reduce((sum, page) => sum + (page & 1), 0) / pages.length
    },
  }
}
