import { mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, FormatError } from '@flambeau/core'
import { CsvTable, ParquetTable } from '@flambeau/core/tables'
import { expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-tables-'))
let files = 0
function file(content: string | Uint8Array): string {
  const path = join(folder, `table${files++}`)
  writeFileSync(path, content)
  return path
}

test('rows with quotes, line ends and odd characters, typed columns', () => {
  const path = file(
    '\ufeffid,text,score,ok\r\n1,"a, ""b""",2.5,true\r\n\r\n9007199254740993,"zwei\r\nZeilen é😀",-inf,0\r\n3,,nan,FALSE',
  )
  const table = new CsvTable(path, { columns: { id: 'int64', score: 'float32', ok: 'bool' } })
  expect(table.names).toEqual(['id', 'text', 'score', 'ok'])
  expect([...Array(table.length).keys()].map((i) => table.get(i))).toEqual([
    { id: 1, text: 'a, "b"', score: 2.5, ok: true },
    { id: 9007199254740993n, text: 'zwei\r\nZeilen é😀', score: Number.NEGATIVE_INFINITY, ok: false },
    { id: 3, text: '', score: Number.NaN, ok: false },
  ])
  expect(table.get(-1).id).toBe(3)
  expect(table.column('id').dtype).toBe('int64')
  expect(table.column('id').at(1).itemBigInt()).toBe(9007199254740993n)
  expect(table.column('ok').toArray()).toEqual([true, false, false])
  expect(table.texts('text')[2]).toBe('')
  table.close()
  expect(() => table.get(0)).toThrow(/is closed/)
})

test('tabs, no header, no quotes; a transform; a loader', async () => {
  const table = new CsvTable(file('a\t"1\nb\t2\nc\t3\n'), {
    delimiter: '\t',
    quote: null,
    header: ['name', 'value'],
    transform: (row) => `${row.name}${row.value}`,
  })
  expect([table.get(0), table.get(2)]).toEqual(['a"1', 'c3'])
  const batches: string[][] = []
  const loader = new data.DataLoader(table, { batchSize: 2, collateFn: (rows: string[]) => rows })
  for await (const batch of loader) batches.push(batch)
  expect(batches).toEqual([['a"1', 'b2'], ['c3']])
  expect(new CsvTable(file('1,2\n3,4\n'), { header: false }).get(1)).toEqual({ column0: '3', column1: '4' })
  expect(new CsvTable(file('a,__proto__\n1,2\n')).length).toBe(1)
})

test.each([
  ['no names', '', {}, /names of the columns, got none/],
  ['names that repeat', 'a,b,a\n1,2,3\n', {}, /different names of columns, got 'a' twice/],
  ['an unknown column', 'a\n1\n', { columns: { b: 'int64' } }, /expected one of a, got 'b'/],
  ['an unknown type', 'a\n1\n', { columns: { a: 'int7' } }, /'string' or a real dtype, got 'int7'/],
  ['a wide delimiter', 'a\n1\n', { delimiter: '::' }, /delimiter to be one ASCII character/],
])('a table is refused: %s', (_, text, options, message) => {
  expect(() => new CsvTable(file(text), options as never)).toThrow(message)
})

test('damaged rows say where they are', () => {
  const table = new CsvTable(file('a,b\n1,2\nx,2\n1\n1,"2'), { columns: { a: 'int64' } })
  expect(table.get(0)).toEqual({ a: 1, b: '2' })
  expect(() => table.get(1)).toThrow(/row 1, column 'a': expected an integer, got 'x'/)
  expect(() => table.get(2)).toThrow(/expected 2 fields in row 2, got 1/)
  expect(() => table.get(3)).toThrow(FormatError)
  expect(() => table.get(4)).toThrow(/index/i)
  expect(() => table.column('b')).toThrow(/holds text/)
  const path = file('a\n1\n2\n')
  const cut = new CsvTable(path)
  truncateSync(path, 3)
  expect(() => cut.get(1)).toThrow(/shorter since it was opened/)
})

// python: fixtures/tables.py
const parquet = (name: string) => new URL(`fixtures/tables/${name}.parquet`, import.meta.url).pathname

test.each(['plain', 'snappy', 'gzip', 'zstd', 'brotli'])('a Parquet file written by PyArrow: %s', async (name) => {
  const table = await ParquetTable.open(parquet(name))
  expect(table.length).toBe(7)
  expect(table.names).toEqual(['id', 'text', 'score', 'ok', 'list'])
  expect(await table.get(0)).toEqual({ id: 0n, text: 'text 0 é😀', score: 0, ok: true, list: [0, 1] })
  expect(await table.get(-1)).toEqual({ id: 6n, text: null, score: 3, ok: true, list: [6, 7] })
  expect((await table.column('id')).toArray()).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect((await table.column('score', { dtype: 'float64' })).dtype).toBe('float64')
  await expect(table.column('text')).rejects.toThrow(/expected numbers in column 'text', got 'text 0/)
})

test('some columns, a transform, a loader; a damaged file', async () => {
  const table = await ParquetTable.open(parquet('snappy'), { columns: ['id'], transform: (row) => Number(row.id) * 2 })
  const batches: number[][] = []
  for await (const batch of new data.DataLoader(table, { batchSize: 4, collateFn: (rows: number[]) => rows }))
    batches.push(batch)
  expect(batches).toEqual([
    [0, 2, 4, 6],
    [8, 10, 12],
  ])
  await expect(ParquetTable.open(parquet('snappy'), { columns: ['nope'] })).rejects.toThrow(/expected one of id, text/)
  const bytes = readFileSync(parquet('snappy'))
  await expect(ParquetTable.open(file(bytes.subarray(0, bytes.length - 9)))).rejects.toThrow(FormatError)
  await expect(ParquetTable.open(file(''))).rejects.toThrow(FormatError)
  await expect(ParquetTable.open(file('PAR1 or not'))).rejects.toThrow(/no Parquet, or damaged/)
  const broken = Buffer.from(bytes)
  broken.fill(0xff, 4, 60)
  const opened = await ParquetTable.open(file(broken))
  await expect(opened.get(0)).rejects.toThrow(FormatError)
})
