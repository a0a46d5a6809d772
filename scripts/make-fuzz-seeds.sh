#!/usr/bin/env bash
# Writes fuzz/seeds/audio/*: a quarter of a second of test/fixtures/speech.wav in each common format. The files are small enough that
# the fuzzer's changes affect their headers. Requires ffmpeg and sox.
set -euo pipefail
cd "$(dirname "$0")/.."
speech=test/fixtures/speech.wav
out=fuzz/seeds/audio
mkdir -p "$out"

seed() {
  local name=$1
  shift
  ffmpeg -nostdin -v error -y -ss 0.5 -t 0.25 -i "$speech" -map_metadata -1 -fflags +bitexact -flags:a +bitexact -ar 8000 "$@" "$out/$name"
}

for codec in pcm_u8 pcm_s16le pcm_s24le pcm_f32le pcm_alaw pcm_mulaw adpcm_ms adpcm_ima_wav g726; do seed "$codec.wav" -c:a "$codec"; done
seed stereo.wav -ac 2
seed rf64.wav -rf64 always
seed s16.w64
seed mp3-in.wav -ar 16000 -c:a mp3
sox "$speech" -r 8000 -e gsm-full-rate "$out/gsm.wav" trim 0.5 0.25
seed s16.au
seed mulaw.au -c:a pcm_mulaw
seed s16.aiff
seed s8.aiff -c:a pcm_s8
seed sowt.aifc -f aiff -c:a pcm_s16le
seed ima4.aifc -f aiff -c:a adpcm_ima_qt
seed s16.caf
seed alac.caf -c:a alac
seed ima4.caf -c:a adpcm_ima_qt
seed opus.caf -ar 16000 -c:a libopus
seed cbr.mp3 -ar 16000 -b:a 16k
seed vbr.mp3 -ar 16000 -q:a 9
seed stereo.mp3 -ar 22050 -ac 2 -b:a 32k
seed mp2.mp2 -ar 16000 -c:a mp2 -b:a 32k
seed aac.aac -c:a aac -b:a 16k
seed aac.m4a -c:a aac -b:a 16k
seed index-first.m4a -c:a aac -b:a 16k -movflags faststart
seed fragments.mp4 -c:a aac -b:a 16k -movflags frag_keyframe+empty_moov
seed alac.m4a -c:a alac
seed aac.mov -c:a aac -b:a 16k
seed vorbis.ogg -ar 16000 -c:a libvorbis -b:a 32k
seed opus.ogg -ar 16000 -c:a libopus -b:a 8k
seed flac.ogg -c:a flac
seed speex.ogg -c:a libspeex
seed opus.webm -ar 16000 -c:a libopus -b:a 8k
seed vorbis.webm -ar 16000 -c:a libvorbis
seed aac.mkv -c:a aac -b:a 16k
seed s16.mkv -c:a pcm_s16le
seed mp3.avi -ar 16000 -c:a mp3 -b:a 16k
seed s16.avi -c:a pcm_s16le
seed ac3.ac3 -ar 32000 -c:a ac3 -b:a 32k
seed eac3.eac3 -ar 32000 -c:a eac3 -b:a 32k
seed s16.wv -c:a wavpack
seed s16.tta -c:a tta
seed wma2.wma -ar 22050 -c:a wmav2 -b:a 32k
seed aac.mpegts -f mpegts -c:a aac -b:a 16k
for bits in 16 24; do sox "$speech" -r 8000 -b "$bits" "$out/s$bits.flac" trim 0.5 0.25; done
