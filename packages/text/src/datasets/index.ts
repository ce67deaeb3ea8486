export { AG_NEWS, type AgNewsOptions } from './ag-news.js'
export { IMDB, type ImdbOptions } from './imdb.js'
export { SQuAD1, SQuAD2, type SquadOptions, type SquadSample } from './squad.js'
export { WikiText2, WikiText103, type WikiTextOptions } from './wikitext.js'
