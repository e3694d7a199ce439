"""Runs `mtcnn video` on clips that FFmpeg makes of a photograph, and checks what comes out.

Usage: video_cli_test.py PROGRAM [unittest arguments]. Only the standard library is needed, and the programs ffmpeg and ffprobe.
The model comes from the released weights under MTCNN_SHARED_DIR (default: ../shared beside the source folder); without
them, or without ffmpeg, the test says so and exits with status 77.
"""

import contextlib
import functools
import http.server
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("MTCNN_SHARED_DIR", SOURCE.parent / "shared"))
WEIGHTS = SHARED / "weights" / "release"
PHOTO = SOURCE / "examples" / "astronaut.jpg"
PROGRAM = ""
MODEL = ""
CLIP = ""  # 3 seconds at 20 frames a second, with sound: the photograph, slowly moving

MOVE = "scale=800:-2,crop=400:400:'(iw-ow)/2+40*sin(t*2)':'20+10*t'"


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def make_clip(path, *more, seconds=3, source=PHOTO, filters=MOVE, sound=True):
    audio = ["-f", "lavfi", "-i", "sine=frequency=440"] if sound else []
    ffmpeg("-loop", 1, "-framerate", 20, "-i", source, *audio, "-t", seconds, "-vf", filters + ",format=yuv420p", *more, path)


def probe(path):
    """Streams by their type."""
    done = subprocess.run(["ffprobe", "-loglevel", "error", "-of", "json", "-count_frames", "-show_streams", path],
                          check=True, capture_output=True)
    return {stream["codec_type"]: stream for stream in json.loads(done.stdout)["streams"]}


def shown(path, stream):
    """When each frame, or piece of sound, is shown, in seconds: "v" or "a"."""
    done = subprocess.run(["ffprobe", "-loglevel", "error", "-of", "csv=p=0", "-select_streams", stream + ":0", "-show_entries",
                           "frame=pts_time", path], check=True, capture_output=True, text=True)
    return [float(line.strip(",")) for line in done.stdout.split()]


def frames_of(path, width, height):
    """Grey, as rows of bytes."""
    done = subprocess.run(["ffmpeg", "-loglevel", "error", "-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
                          check=True, capture_output=True)
    size = width * height
    return [[done.stdout[begin + y * width:begin + (y + 1) * width] for y in range(height)]
            for begin in range(0, len(done.stdout), size)]


def rotation(stream):
    return next((side["rotation"] for side in stream.get("side_data_list", []) if "rotation" in side), 0)


def start(*arguments, **named):
    environment = {**os.environ, "MTCNN_MODEL": MODEL}
    return subprocess.Popen([PROGRAM, "video", *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **named)


def run(*arguments, timeout=300, **named):
    process = start(*arguments, **named)
    out, error = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(arguments, process.returncode, out, error)


def records(text):
    return [json.loads(line) for line in text.decode().splitlines()]


def middle(face):
    left, top, right, bottom = face["box"]
    return (left + right) / 2, (top + bottom) / 2


class Broadcast:
    """A clip sent as FFmpeg's transport stream, at the speed at which it is shown: chunks, as they come."""

    def __init__(self, clip):
        self.process = subprocess.Popen(["ffmpeg", "-loglevel", "error", "-re", "-i", clip, "-c", "copy", "-f", "mpegts",
                                         "-flush_packets", "1", "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def __iter__(self):
        while chunk := self.process.stdout.read1(7 * 188):
            yield chunk

    def close(self):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()


def answer(server, header, parts):
    """Answers one request, with `parts` as they come."""
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % header)
        for part in parts:
            connection.sendall(part)


def serve_http(server, clip):
    """Answers one request with a broadcast."""
    def chunks():
        broadcast = Broadcast(clip)
        try:
            for chunk in broadcast:
                yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
            yield b"0\r\n\r\n"
        finally:
            broadcast.close()

    with contextlib.closing(chunks()) as parts:
        answer(server, b"Content-Type: video/mp2t\r\nTransfer-Encoding: chunked", parts)


def serve_pictures(server, pictures, apart):
    """Answers one request with pictures, as a camera does: `apart` seconds after one another."""
    def parts():
        for picture in pictures:
            yield b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(picture), picture)
            time.sleep(apart)

    answer(server, b"Content-Type: multipart/x-mixed-replace; boundary=next", parts())


def serve_rtsp(server, clip):
    """Answers one client with a broadcast, as RTP in its own connection (RFC 2326, 10.12)."""
    connection, _ = server.accept()
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=clip\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:video\r\n"
    with connection, connection.makefile("rb") as lines:
        while True:
            method = lines.readline().decode().split(" ")[0]
            headers = {}
            while line := lines.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if not method:
                return
            answer = [f"CSeq: {headers['cseq']}"]
            body = ""
            if method == "OPTIONS":
                answer += ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
            elif method == "DESCRIBE":
                body = sdp
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif method == "SETUP":
                answer += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
            else:
                answer += ["Session: 1"]
            connection.sendall("\r\n".join(["RTSP/1.0 200 OK", *answer, "", body]).encode())
            if method == "PLAY":
                break
        broadcast = Broadcast(clip)
        try:
            for number, chunk in enumerate(broadcast):
                head = bytes([0x80, 33]) + (number & 0xffff).to_bytes(2, "big")
                head += (int(time.monotonic() * 90000) & 0xffffffff).to_bytes(4, "big") + bytes(4)
                connection.sendall(b"$\0" + (len(head) + len(chunk)).to_bytes(2, "big") + head + chunk)
        except OSError:
            pass
        broadcast.close()


class VideoTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtcnn-video-"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def expect(self, status, *arguments, **named):
        done = run(*arguments, cwd=self.folder, **named)
        self.assertEqual(done.returncode, status, (arguments, done.stdout[-1000:], done.stderr[-2000:]))
        return done

    def test_follows_a_face(self):
        lines = records(self.expect(0, CLIP, "--json", "-").stdout)
        self.assertEqual([line["frame"] for line in lines], list(range(60)))
        self.assertAlmostEqual(lines[20]["time"], 1, places=2)
        self.assertEqual((lines[0]["width"], lines[0]["height"]), (400, 400))
        ids = [[face["id"] for face in line["faces"]] for line in lines]
        self.assertEqual(ids, [[1]] * 60)
        searched = sum(face["detected"] for line in lines for face in line["faces"])
        self.assertLessEqual(searched, 10)
        self.assertGreaterEqual(searched, 6)
        # The same places as a full search of every frame finds.
        full = records(self.expect(0, CLIP, "--json", "-", "--detect-every", 1).stdout)
        for one, other in zip(lines, full):
            (a, b), (c, d) = middle(one["faces"][0]), middle(other["faces"][0])
            self.assertLess(abs(a - c) + abs(b - d), 12)

    def test_new_video(self):
        self.expect(0, CLIP, "-o", "marked.mp4", "--json", "lines.jsonl")
        old, new = probe(CLIP), probe(self.folder / "marked.mp4")
        self.assertEqual(new["video"]["nb_read_frames"], "60")
        for key in ("width", "height", "avg_frame_rate"):
            self.assertEqual(new["video"][key], old["video"][key])
        self.assertEqual(new["audio"]["codec_name"], old["audio"]["codec_name"])
        self.assertEqual(new["audio"]["nb_read_frames"], old["audio"]["nb_read_frames"])
        self.assertEqual(len(records((self.folder / "lines.jsonl").read_bytes())), 60)
        self.expect(0, CLIP, "-o", "silent.mp4", "--no-sound", "--frames", 5)
        new = probe(self.folder / "silent.mp4")
        self.assertEqual(set(new), {"video"})
        self.assertEqual(new["video"]["nb_read_frames"], "5")

    def test_times(self):
        """Picture and sound begin and end when they did, and frames come as unevenly as they came."""
        uneven = self.folder / "uneven.mp4"
        make_clip(uneven, "-fps_mode", "vfr", filters=MOVE + ",select='not(between(mod(n,9),2,5))'")
        late = self.folder / "late.mkv"  # the sound begins half a second after the picture
        ffmpeg("-i", CLIP, "-itsoffset", .5, "-i", CLIP, "-map", "0:v", "-map", "1:a", "-c", "copy", "-t", 3, late)
        self.assertGreater(len({round(b - a, 3) for a, b in zip(shown(uneven, "v"), shown(uneven, "v")[1:])}), 1)
        self.assertGreater(shown(late, "a")[0], shown(late, "v")[0] + .4)
        for clip in (CLIP, uneven, late):
            for name in ("new.mp4", "new.mkv"):
                with self.subTest(clip=clip, name=name):
                    self.expect(0, clip, "-o", name)
                    old, new = shown(clip, "v"), shown(self.folder / name, "v")
                    self.assertEqual(len(new), len(old))
                    for a, b in zip(old, new):
                        self.assertAlmostEqual(a - old[0], b - new[0], delta=.002)
                    # Against the picture: a piece of sound is 0.02 seconds.
                    for end in (0, -1):
                        self.assertAlmostEqual(shown(clip, "a")[end] - old[0], shown(self.folder / name, "a")[end] - new[0], delta=.03)

    def test_much_sound_and_no_picture(self):
        """Sound that goes on for long after the only picture, or between pictures, is all there, also while pictures wait."""
        clip = self.folder / "still.mkv"
        for pictures, seconds, more in (("duration=1:rate=1", 100, ()), ("duration=300:rate=1/30", 300, ("--anonymize", "blur"))):
            with self.subTest(pictures):
                ffmpeg("-f", "lavfi", "-i", "color=gray:size=64x48:" + pictures.replace("duration", "d"), "-f", "lavfi", "-i",
                       f"sine=sample_rate=48000:duration={seconds}", "-ac", 2, "-c:v", "mjpeg", "-c:a", "pcm_s16le", clip)
                self.expect(0, clip, "-o", "new.mkv", *more)
                old, new = shown(clip, "a"), shown(self.folder / "new.mkv", "a")
                self.assertEqual(len(new), len(old))
                self.assertAlmostEqual(new[-1], old[-1], delta=.01)
                self.assertEqual(len(shown(self.folder / "new.mkv", "v")), len(shown(clip, "v")))

    def test_sound_that_can_not_be_written(self):
        """Without a single picture, too, it is said that the new video could not be begun."""
        ffmpeg("-f", "lavfi", "-i", "color=gray:size=64x48:rate=5:d=1", "-f", "lavfi", "-i", "sine=duration=1", "-bsf:v", "noise=drop=1",
               self.folder / "sound.mkv")
        done = self.expect(1, "sound.mkv", "-o", "new.mpg")  # MPEG-1 knows no 5 frames a second
        self.assertIn(b"new.mpg: its encoder can't be started", done.stderr)

    def moving(self, path, rate, frames, step, hidden):
        """A face that moves to the right on a grey ground, `step` pixels a frame, and frames that are all grey."""
        ffmpeg("-f", "lavfi", "-i", f"color=gray:size=1280x400:rate={rate}", "-loop", 1, "-framerate", rate, "-i", PHOTO,
               "-filter_complex", f"[1]scale=400:-2[face];[0][face]overlay=x='{step}*n':y=0:eval=frame,"
               f"drawbox=color=gray:t=fill:enable='between(n,{hidden[0]},{hidden[-1]})',format=yuv420p", "-frames:v", frames, path)

    def test_a_lost_face_stays_covered(self):
        """One that moves on while it is not found: nothing of it is found in the grey frames, and its places are covered all the same."""
        for rate, frames, step, hidden in ((25, 32, 20, range(12, 20)), (2, 24, 20, range(10, 15)), (25, 16, 5, range(0, 5))):
            with self.subTest(rate=rate, hidden=hidden):
                self.moving(self.folder / "moving.mp4", rate, frames, step, hidden)
                self.expect(0, "moving.mp4", "-o", "covered.mkv", "--anonymize", "black", "--json", "lines.jsonl")
                lines = records((self.folder / "lines.jsonl").read_bytes())
                self.assertEqual([len(line["faces"]) for line in lines], [0 if n in hidden else 1 for n in range(frames)])
                first = next(line for line in lines if line["faces"])
                points = [(x - step * first["frame"], y) for x, y in first["faces"][0]["landmarks"]]
                covered = frames_of(self.folder / "covered.mkv", 1280, 400)
                self.assertEqual(len(covered), frames)
                bare = [n for n, rows in enumerate(covered) for x, y in points if rows[round(y)][round(x + step * n)] > 45]
                self.assertEqual(bare, [])

    def test_a_tilted_face_is_covered(self):
        """From chin to forehead, and from jaw to jaw."""
        def clip(name, degrees, more=""):
            ffmpeg("-loop", 1, "-framerate", 10, "-i", PHOTO, "-frames:v", 4, "-vf",
                   f"rotate=a={math.radians(degrees)}:fillcolor=gray{more},format=yuv420p", "-crf", 1, self.folder / name)

        clip("upright.mp4", 0)
        (left, right, nose, *mouth) = records(self.expect(0, "upright.mp4", "--json", "-").stdout)[0]["faces"][0]["landmarks"]
        eyes, lips = [[(a + b) / 2 for a, b in zip(*pair)] for pair in ((left, right), mouth)]
        down = [b - a for a, b in zip(eyes, lips)]
        across = [b - a for a, b in zip(left, right)]
        points = {
            "chin": [a + .8 * b for a, b in zip(lips, down)],
            "forehead": [a - .8 * b for a, b in zip(eyes, down)],
            "left jaw": [a - .75 * b for a, b in zip(lips, across)],
            "right jaw": [a + .75 * b for a, b in zip(lips, across)],
            "left temple": [a - .5 * b for a, b in zip(left, across)],
            "right temple": [a + .5 * b for a, b in zip(right, across)],
            "nose": nose}
        for degrees in (0, 30, 45, 60, -45):
            with self.subTest(degrees=degrees):
                clip("tilted.mp4", degrees, ",noise=alls=12")  # so that there is something to see everywhere
                self.expect(0, "tilted.mp4", "-o", "covered.mkv", "--anonymize", "blur", "--quality", 0, "--json", "lines.jsonl")
                self.assertEqual(len(records((self.folder / "lines.jsonl").read_bytes())[0]["faces"]), 1)
                before, after = (frames_of(self.folder / name, 512, 512)[0] for name in ("tilted.mp4", "covered.mkv"))
                sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
                for name, (x, y) in points.items():
                    u, v = x - 256, y - 256
                    column, row = round(256 + cos * u - sin * v), round(256 + sin * u + cos * v)

                    def detail(rows):
                        return sum(abs(rows[y][x] - rows[y][x + 1]) for y in range(row - 4, row + 5) for x in range(column - 4, column + 4))
                    self.assertLess(detail(after), .4 * detail(before), name)

    def test_anonymous(self):
        """No face is found any more; what is not a face, and the sound, are as they were."""
        def frame(path):
            done = subprocess.run(["ffmpeg", "-loglevel", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
                                  check=True, capture_output=True)
            return done.stdout
        box = [round(x) for x in records(self.expect(0, CLIP, "--json", "-", "--frames", 1).stdout)[0]["faces"][0]["box"]]
        before = frame(CLIP)
        for how in ("blur", "pixelate", "black"):
            with self.subTest(how):
                self.expect(0, CLIP, "-o", "anonymous.mkv", "--anonymize", how, "--frames", 20)
                lines = records(self.expect(0, "anonymous.mkv", "--json", "-", "--detect-every", 1).stdout)
                self.assertEqual(len(lines), 20)
                self.assertEqual(sum(len(line["faces"]) for line in lines), 0)
                self.assertEqual(probe(self.folder / "anonymous.mkv")["audio"]["codec_name"], probe(CLIP)["audio"]["codec_name"])
                after = frame(self.folder / "anonymous.mkv")
                off = {True: [], False: []}
                margin = (box[2] - box[0]) * 2 // 3  # covers hair and chin; what lies beyond is no face
                for y in range(0, 400, 5):
                    for x in range(0, 400, 5):
                        inside = box[0] + 5 < x < box[2] - 5 and box[1] + 5 < y < box[3] - 5
                        beyond = x < box[0] - margin or x > box[2] + margin or y < box[1] - margin or y > box[3] + margin
                        if inside or beyond:
                            off[inside].append(abs(before[400 * y + x] - after[400 * y + x]))
                self.assertLess(sum(off[False]) / len(off[False]), 3)  # encoding
                self.assertGreater(sum(off[True]) / len(off[True]), 8)

    def test_turned(self):
        """Stored lying on its side, with the note that says so: found upright, and written as it was."""
        clip = self.folder / "turned.mp4"
        make_clip(self.folder / "lying.mp4", seconds=1, filters=MOVE + ",crop=400:300:0:0,transpose=2")
        ffmpeg("-i", self.folder / "lying.mp4", "-c", "copy", "-metadata:s:v", "rotate=270", clip)
        if abs(rotation(probe(clip)["video"])) != 90:  # FFmpeg 6 and later
            ffmpeg("-display_rotation", 270, "-i", self.folder / "lying.mp4", "-c", "copy", clip)
        self.assertEqual(abs(rotation(probe(clip)["video"])), 90)
        lines = records(self.expect(0, clip, "-o", "new.mp4", "--json", "-").stdout)
        self.assertEqual((lines[0]["width"], lines[0]["height"]), (400, 300))
        self.assertEqual([len(line["faces"]) for line in lines], [1] * 20)
        left_eye, right_eye, nose, *_ = lines[0]["faces"][0]["landmarks"]
        self.assertLess(left_eye[0], right_eye[0])
        self.assertLess(left_eye[1], nose[1])
        old, new = probe(clip)["video"], probe(self.folder / "new.mp4")["video"]
        self.assertEqual(rotation(new), rotation(old))
        self.assertEqual((new["width"], new["height"]), (old["width"], old["height"]))
        again = records(self.expect(0, "new.mp4", "--json", "-", "--detect-every", 1).stdout)
        (a, b), (c, d) = middle(lines[-1]["faces"][0]), middle(again[-1]["faces"][0])
        self.assertLess(abs(a - c) + abs(b - d), 12)

    def test_truncated(self):
        make_clip(self.folder / "whole.mkv", "-g", 5)
        data = (self.folder / "whole.mkv").read_bytes()
        (self.folder / "cut.mkv").write_bytes(data[:len(data) // 2])
        done = self.expect(1, "cut.mkv", "-o", "out.mp4", "--json", "lines.jsonl")
        self.assertIn(b"cut.mkv", done.stderr)
        *lines, last = records((self.folder / "lines.jsonl").read_bytes())
        self.assertEqual(last["path"], "cut.mkv")
        self.assertIn("error", last)
        self.assertGreater(len(lines), 5)
        self.assertLess(len(lines), 60)
        self.assertEqual(probe(self.folder / "out.mp4")["video"]["nb_read_frames"], str(len(lines)))

    def test_interrupted(self):
        """Ctrl-C leaves a file that can be played."""
        make_clip(self.folder / "long.mp4", "-preset", "ultrafast", seconds=120, sound=False)
        process = start(self.folder / "long.mp4", "-o", "part.mp4", "--json", "part.jsonl", "--detect-every", 1, cwd=self.folder)
        deadline = time.monotonic() + 60
        lines = self.folder / "part.jsonl"
        while not (lines.exists() and lines.stat().st_size > 2000) and time.monotonic() < deadline:
            time.sleep(.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, error)
        done = records(lines.read_bytes())
        self.assertLess(len(done), 2400)
        self.assertEqual(probe(self.folder / "part.mp4")["video"]["nb_read_frames"], str(len(done)))

    def test_dead_stream(self):
        """A server that answers nothing, and one that falls silent in the middle."""
        make_clip(self.folder / "clip.ts", "-g", 5)
        part = (self.folder / "clip.ts").read_bytes()
        for sent in (b"", b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + part[:len(part) * 3 // 4]):
            with self.subTest(bytes=len(sent)), socket.create_server(("127.0.0.1", 0)) as server:
                held = []

                def serve():
                    connection, _ = server.accept()
                    held.append(connection)
                    connection.recv(4096)
                    if sent:
                        connection.sendall(sent)

                threading.Thread(target=serve, daemon=True).start()
                begun = time.monotonic()
                address = f"http://127.0.0.1:{server.getsockname()[1]}/clip.ts"
                done = self.expect(1 if sent else 2, address, "--json", "out.jsonl", "--timeout", 2)
                self.assertLess(time.monotonic() - begun, 60)
                self.assertIn(b"no data for 2 seconds", done.stderr)
                if sent:
                    *lines, last = records((self.folder / "out.jsonl").read_bytes())
                    self.assertIn("error", last)
                    self.assertGreater(len(lines), 5)
                for connection in held:
                    connection.close()

    def test_sequence(self):
        (self.folder / "frames").mkdir()
        ffmpeg("-i", CLIP, "-frames:v", 8, self.folder / "frames" / "%04d.png")
        for pattern in ("frames/%04d.png", "frames/*.png"):
            lines = records(self.expect(0, pattern, "--fps", 5, "--json", "-").stdout)
            self.assertEqual([round(line["time"], 2) for line in lines], [round(i / 5, 2) for i in range(8)])
            self.assertEqual([len(line["faces"]) for line in lines], [1] * 8)

    def test_a_sequence_with_a_gap(self):
        (self.folder / "frames").mkdir()
        ffmpeg("-i", CLIP, "-frames:v", 8, self.folder / "frames" / "%04d.png")
        (self.folder / "frames/0005.png").unlink()
        done = self.expect(1, "frames/%04d.png", "--json", "out.jsonl")
        self.assertIn(b"there is no number 5, but frames/0006.png follows", done.stderr)
        *lines, last = records((self.folder / "out.jsonl").read_bytes())
        self.assertEqual((len(lines), "error" in last), (4, True))
        self.assertEqual(len(records(self.expect(0, "frames/*.png", "--json", "-").stdout)), 7)
        self.assertIn(b"no file has such a name", self.expect(2, "nowhere/*.png", "--json", "-").stderr)

    def test_a_file_on_a_server(self):
        """One that gives no parts of files, only whole ones, is no broadcast: every frame is there, however long it takes."""
        make_clip(self.folder / "clip.ts", "-g", 5, filters=MOVE + ",scale=640:-2", seconds=2)

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=self.folder)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            done = self.expect(0, f"http://127.0.0.1:{server.server_address[1]}/clip.ts", "--json", "-", "--detect-every", 1,
                               "--threads", 1, "--min-face", 10)
            server.shutdown()
        self.assertEqual([line["frame"] for line in records(done.stdout)], list(range(40)))
        self.assertNotIn(b"dropped", done.stderr)

    def test_lines_of_a_broadcast_are_not_late(self):
        """The program stands still for some seconds: it goes on with what is sent then, not with what was sent meanwhile."""
        make_clip(self.folder / "clip.ts", "-g", 5, "-preset", "ultrafast", seconds=10)
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=serve_http, args=(server, self.folder / "clip.ts"), daemon=True).start()
            process = start(f"http://127.0.0.1:{server.getsockname()[1]}/clip.ts", "--json", "-", "--latency", .3, "--timeout", 5)
            came = []
            stop = 3

            def read():
                for line in process.stdout:
                    record = json.loads(line)
                    if "time" in record:  # not the last line, if reading broke off
                        came.append((time.monotonic(), record))

            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            try:
                deadline = time.monotonic() + 60
                while not (came and came[-1][1]["time"] > 4) and time.monotonic() < deadline:
                    time.sleep(.05)
                process.send_signal(signal.SIGSTOP)
                stopped = time.monotonic()
                time.sleep(stop)
                process.send_signal(signal.SIGCONT)
                process.wait(60)
                reader.join(60)
                error = process.stderr.read()
            finally:
                process.kill()
                process.wait()
                process.stderr.close()
                reader.join(10)
                process.stdout.close()
        self.assertEqual(process.returncode, 0, error)
        self.assertIn(b"dropped", error)
        # What the program could do at its best, while it ran: all lateness is beside that.
        usual = sorted(when - line["time"] for when, line in came if 1 < line["time"] and when < stopped)
        self.assertGreater(len(usual), 20, error)
        usual = usual[len(usual) // 2]
        after = [when - line["time"] - usual for when, line in came if when > stopped]
        self.assertGreater(len(after), 20, error)
        # The few that were under way can't be taken back.
        self.assertLessEqual(sum(late > stop / 2 for late in after), 6, after)
        self.assertTrue(all(line["faces"] for _, line in came))

    def test_a_camera_by_http(self):
        """Its pictures have no times, and FFmpeg's are 25 a second, whatever they are: none is late."""
        ffmpeg("-i", CLIP, "-frames:v", 40, self.folder / "%03d.jpg")
        pictures = [path.read_bytes() for path in sorted(self.folder.glob("*.jpg"))]
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=serve_pictures, args=(server, pictures, .2), daemon=True).start()
            done = run(f"http://127.0.0.1:{server.getsockname()[1]}/", "--json", "-", "--timeout", 5)
        lines = [line for line in records(done.stdout) if "frame" in line]
        self.assertGreaterEqual(len(lines), 38, done.stderr)  # FFmpeg takes the end for damage
        self.assertNotIn(b"dropped", done.stderr)

    def test_rtsp(self):
        make_clip(self.folder / "clip.ts", "-g", 5, "-preset", "ultrafast", seconds=4)
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=serve_rtsp, args=(server, self.folder / "clip.ts"), daemon=True).start()
            # The end of a connection is not told from its loss.
            done = run(f"rtsp://127.0.0.1:{server.getsockname()[1]}/clip", "-o", "new.mp4", "--json", "-", "--latency", 5,
                       "--timeout", 4, cwd=self.folder)
        lines = [line for line in records(done.stdout) if "frame" in line]
        self.assertGreater(len(lines), 40, done.stderr)
        # The first frames may be torn.
        followed = [{face["id"] for face in line["faces"]} for line in lines[5:]]
        self.assertTrue(set.intersection(*followed), followed)
        self.assertEqual(probe(self.folder / "new.mp4")["video"]["nb_read_frames"], str(len(lines)))

    def test_live_frames_are_dropped(self):
        """A source that sends in real time, and a search that is slower."""
        make_clip(self.folder / "clip.ts", "-g", 5, filters=MOVE + ",scale=1600:-2", seconds=3)
        port = socket.create_server(("127.0.0.1", 0))
        number = port.getsockname()[1]
        port.close()
        process = start(f"udp://127.0.0.1:{number}", "--json", "live.jsonl", "--latency", .2, "--timeout", 3, "--detect-every", 1,
                        "--threads", 1, "--min-face", 10, cwd=self.folder)
        time.sleep(1)
        ffmpeg("-re", "-i", self.folder / "clip.ts", "-c", "copy", "-f", "mpegts", f"udp://127.0.0.1:{number}?pkt_size=1316")
        _, error = process.communicate(timeout=60)
        lines = records((self.folder / "live.jsonl").read_bytes())
        self.assertGreater(len(lines), 2, error)  # few where the search is slow: with sanitizers
        self.assertLess(len(lines), 61)
        times = [line["time"] for line in lines if "time" in line]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[-1], 1.5)  # it kept up

    def test_no_face(self):
        ffmpeg("-f", "lavfi", "-i", "color=c=gray:size=64x48:rate=10", "-t", 1, self.folder / "grey.mp4")
        lines = records(self.expect(0, "grey.mp4", "-o", "out.webm", "--json", "-").stdout)
        self.assertEqual([line["faces"] for line in lines], [[]] * 10)
        self.assertEqual(probe(self.folder / "out.webm")["video"]["nb_read_frames"], "10")

    def test_usage(self):
        (self.folder / "text.mp4").write_text("no video\n")
        shutil.copyfile(CLIP, self.folder / "clip.mp4")
        before = (self.folder / "clip.mp4").read_bytes()
        for arguments, message in (((CLIP,), b"nothing to write"),
                                   ((CLIP, "--json", "-", "--anonymize", "blur"), b"-o FILE"),
                                   ((CLIP, "-o", "o.mp4", "--anonymize", "paint"), b"blur, pixelate or black"),
                                   (("clip.mp4", "-o", "clip.mp4"), b"is also the input"),
                                   (("missing.mp4", "--json", "-"), b"missing.mp4: there is no such file"),
                                   (("text.mp4", "--json", "-"), b"text.mp4"),
                                   ((CLIP, "-o", "o.txt"), b"o.txt"),
                                   ((CLIP, "-o", "no/o.mp4"), b"no/o.mp4"),
                                   ((CLIP, "--json", "-", "--detect-every", "0"), b"detect_every"),
                                   ((CLIP, "--json", "-", "--largest"), b"largest_only")):
            with self.subTest(arguments):
                self.assertIn(message, self.expect(2, *arguments).stderr)
        self.assertEqual((self.folder / "clip.mp4").read_bytes(), before)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["clip.mp4", "text.mp4"])


def main():
    global PROGRAM, MODEL, CLIP
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    if not WEIGHTS.is_dir():
        print("skipped: no reference data")
        sys.exit(77)
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        print("skipped: no ffmpeg")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="mtcnn-video-model-") as folder:
        MODEL = os.path.join(folder, "release.safetensors")
        subprocess.run([PROGRAM, "convert", str(WEIGHTS), "-o", MODEL], check=True, capture_output=True)
        CLIP = os.path.join(folder, "clip.mp4")
        make_clip(CLIP)
        unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1)


if __name__ == "__main__":
    main()
