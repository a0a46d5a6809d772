import { inUse, type ModelCard } from '../model/card.js';
import { InvalidOptionsError } from '../options/parse.js';
import { shown } from '../shared/text.js';

/** Names of the same emotion. The model card decides which of them is a label. */
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

/** Translates names of emotions to the labels of a model. */
export class LabelVocabulary {
  /** All labels, in the order of the model. */
  readonly labels: string[];
  /** The labels that the model never outputs. */
  readonly unused: string[];
  readonly #labelByName = new Map<string, string>();

  /** @throws InvalidOptionsError if the mapping names a label that the model does not have */
  constructor({ labels }: ModelCard, mapping: Mapping) {
    this.labels = labels.map(({ name }) => name);
    this.unused = labels.filter((label) => !inUse(label)).map(({ name }) => name);
    for (const { name, en, zh } of labels) for (const each of [name, en, zh]) this.#add(each, name);
    for (const synonyms of SYNONYMS) {
      const label = synonyms.map((name) => this.labelOf(name)).find((found) => found !== undefined);
      if (label !== undefined) for (const name of synonyms) this.#add(name, label);
    }
    // All targets are resolved before any is set, so that the order of the mapping does not matter.
    const resolved = mapping.map(([from, to]) => [from, this.#targetOf(from, to)] as const);
    for (const [from, label] of resolved) this.#labelByName.set(keyOf(from), label);
  }

  /** Returns the label for a name: '' if the mapping excludes it, `undefined` if there is no label for it. */
  labelOf(name: string): string | undefined {
    return this.#labelByName.get(keyOf(name));
  }

  #targetOf(from: string, to: string): string {
    const label = to === '' ? '' : this.labelOf(to);
    if (label !== undefined) return label;
    throw new InvalidOptionsError(
      `--map ${shown(from, 60)}=${shown(to, 60)}: the model has no such label. Its labels: ${this.labels.join(', ')}`,
    );
  }

  /** Adds a label for a name, unless the name already has one. */
  #add(name: string, label: string): void {
    if (!this.#labelByName.has(keyOf(name))) this.#labelByName.set(keyOf(name), label);
  }
}

function keyOf(name: string): string {
  return name.trim().normalize('NFC').toLowerCase();
}
