// `@flambeau/core/tables`: tables in files as data sets.
export type { ColumnType, Row, Value } from './columns.js'
export { type CsvOptions, CsvTable } from './csv.js'
export { type ParquetOptions, ParquetTable } from './parquet.js'
