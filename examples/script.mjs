// Recognizes the emotion of each recording that is named on the command line, with its timeline.
// Usage: node examples/script.mjs call.wav interview.mp3
import { EmotionError, EmotionRecognizer } from 'emotion2vec-node';

const recognizer = new EmotionRecognizer();
for (const file of process.argv.slice(2)) {
  try {
    const { emotion, confidence, duration, segments } = await recognizer.recognize(file, { granularity: 'frame' });
    console.log(`${file}: ${emotion} (${(100 * confidence).toFixed(1)}%), ${duration.toFixed(1)} s`);
    for (const { start, end, emotion } of segments) {
      console.log(`  ${start.toFixed(2)} to ${end.toFixed(2)} s: ${emotion}`);
    }
  } catch (error) {
    if (!(error instanceof EmotionError)) throw error;
    console.error(`${file}: ${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
await recognizer.close();
