// Which words begin at a place of a text.

interface Node {
  readonly next: Map<number, Node>
  value: number
}

export class Trie {
  readonly #root: Node = { next: new Map(), value: -1 }

  /** @param value 0 or more */
  add(word: string, value: number): void {
    let node = this.#root
    for (let i = 0; i < word.length; i++) {
      const code = word.charCodeAt(i)
      let next = node.next.get(code)
      if (next === undefined) {
        next = { next: new Map(), value: -1 }
        node.next.set(code, next)
      }
      node = next
    }
    node.value = value
  }

  /** Calls `found` with the end and the value of each word at `start`, the shortest first. */
  prefixes(text: string, start: number, found: (end: number, value: number) => void): void {
    let node: Node | undefined = this.#root
    for (let i = start; i < text.length; i++) {
      node = node.next.get(text.charCodeAt(i))
      if (node === undefined) return
      if (node.value >= 0) found(i + 1, node.value)
    }
  }
}
