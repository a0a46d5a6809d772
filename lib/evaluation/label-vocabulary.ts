import { inUse, type ModelCard } from '../model/card.js';
import { InvalidOptionsError } from '../options/parse.js';
import { shown } from '../shared/text.js';

/** Words for the same emotion. The model card decides which of them is a label. */
const SYNONYMS = [
  ['angry', 'anger'],
  ['disgusted', 'disgust'],
  ['fearful', 'fear'],
  ['happy', 'happiness', 'joy'],
  ['neutral', 'neutrality'],
  ['sad', 'sadness'],
  ['surprised', 'surprise'],
];

/** The user's labels for values that the model does not know. An empty label excludes the clips with that value. */
export type Mapping = readonly (readonly [from: string, to: string])[];

/** Translates words for emotions to the labels of a model. */
export class LabelVocabulary {
  /** All labels, in the order of the model. */
  readonly labels: string[];
  /** The labels that the model never outputs. */
  readonly unused: string[];
  readonly #labelOfWord = new Map<string, string>();

  /** @throws InvalidOptionsError if the mapping names a label that the model does not have */
  constructor({ labels }: ModelCard, mapping: Mapping) {
    this.labels = labels.map(({ name }) => name);
    this.unused = labels.filter((label) => !inUse(label)).map(({ name }) => name);
    for (const { name, en, zh } of labels) for (const word of [name, en, zh]) this.#add(word, name);
    for (const synonyms of SYNONYMS) {
      const label = synonyms.map((word) => this.labelOf(word)).find((found) => found !== undefined);
      if (label !== undefined) for (const word of synonyms) this.#add(word, label);
    }
    // All targets are resolved before any is set, so that the order of the mapping does not matter.
    const resolved = mapping.map(([from, to]) => [from, this.#targetOf(from, to)] as const);
    for (const [from, label] of resolved) this.#labelOfWord.set(keyOf(from), label);
  }

  /** Returns the label that a word means: '' if the mapping excludes it, `undefined` if it means no label. */
  labelOf(word: string): string | undefined {
    return this.#labelOfWord.get(keyOf(word));
  }

  #targetOf(from: string, to: string): string {
    const label = to === '' ? '' : this.labelOf(to);
    if (label !== undefined) return label;
    throw new InvalidOptionsError(
      `--map ${shown(from, 60)}=${shown(to, 60)}: the model has no such label. Its labels: ${this.labels.join(', ')}`,
    );
  }

  /** A word keeps its first label. */
  #add(word: string, label: string): void {
    if (!this.#labelOfWord.has(keyOf(word))) this.#labelOfWord.set(keyOf(word), label);
  }
}

function keyOf(word: string): string {
  return word.trim().normalize('NFC').toLowerCase();
}
