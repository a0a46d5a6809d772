#!/usr/bin/env bash
# Writes test/fixtures/: synthesized speech in all formats, and files that are damaged in each way that a test requires.
# Developers' tool. Requires: apt-get install espeak-ng ffmpeg
set -euo pipefail
cd "$(dirname "$0")/../test/fixtures"

encode() { ffmpeg -nostdin -loglevel error -y -i speech.wav -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@"; }

espeak-ng -v en-us -s 150 -w raw.wav "I cannot believe that you did this to me again."
ffmpeg -nostdin -loglevel error -y -i raw.wav -ar 16000 -ac 1 -c:a pcm_s16le -fflags +bitexact speech.wav
rm raw.wav

encode -c:a pcm_u8 speech-u8.wav
encode -c:a pcm_s24le speech-s24.wav
encode -c:a pcm_s32le speech-s32.wav
encode -c:a pcm_f32le speech-f32.wav
encode -c:a pcm_f64le speech-f64.wav
encode -c:a pcm_alaw -ar 8000 speech-alaw.wav
encode -c:a pcm_mulaw -ar 8000 speech-mulaw.wav
encode -ar 44100 -ac 2 -c:a pcm_s16le speech-stereo-44k.wav
encode -ar 48000 -af 'pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0' -c:a pcm_s16le -t 1 speech-5.1-48k.wav
encode -b:a 48k speech.mp3
encode -ac 2 -ar 44100 -b:a 64k speech-stereo.mp3
encode -c:a flac speech.flac
encode -c:a libvorbis -q:a 3 speech.ogg
encode -c:a libopus -b:a 24k speech.opus
encode -c:a aac -b:a 48k speech.m4a
encode -c:a libopus -b:a 24k speech.webm

: > empty.wav
echo 'Hello world, this is no audio at all.' > text.wav
head -c 3000 speech.mp3 > truncated.mp3
head -c 20000 speech.wav > truncated.wav
head -c 30 speech.wav > cut-header.wav
encode -t 0.006 -c:a pcm_s16le short.wav
python3 - <<'PYTHON'
import struct
def wav(name, samples, fmt=3, bits=32):
    data = struct.pack(f"<{len(samples)}f", *samples)
    with open(name, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
                   struct.pack("<IHHIIHH", 16, fmt, 1, 16000, 64000, 4, bits) + b"data" + struct.pack("<I", len(data)) + data)
tone = [0.1] * 8000
wav("nan.wav", tone[:4000] + [float("nan")] + tone)
wav("infinity.wav", tone[:100] + [float("inf")] + tone)
wav("no-samples.wav", [])
PYTHON

# Minutes of audio in few bytes, with padding at the end, which makes a WebM decoder slow.
ffmpeg -v error -y -f lavfi -i anullsrc=r=16000:cl=mono -t 300 -c:a libopus -b:a 6k -application voip -frame_duration 60 \
  silence-300s.webm

# The example of the web page: three sentences by three voices, to which the built-in model assigns different emotions.
example=$(mktemp -d)
espeak-ng -v en-us+f3 -s 190 -p 50 -w "$example/1.wav" "I can't believe it, we really won! This is wonderful!"
espeak-ng -v en-us+f5 -s 105 -p 15 -w "$example/2.wav" "And then everybody went home, and the house was quiet again."
espeak-ng -v en-us+f3 -s 190 -p 85 -w "$example/3.wav" "Who left the door open? I told you three times!"
ffmpeg -v error -y -i "$example/1.wav" -i "$example/2.wav" -i "$example/3.wav" \
  -filter_complex '[0][1][2]concat=n=3:v=0:a=1,aresample=16000' -c:a libopus -b:a 24k ../../web/src/audio/example.ogg
rm -r "$example"
