"""The other end of a ring in Python, with examples/python/millrace.py. The verbs are those of test/native/ring-peer.c."""

import os
import signal
import sys
from array import array

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/python"))
sys.dont_write_bytecode = True

import millrace  # noqa: E402


def scramble(bits):
    bits = ((bits ^ (bits >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    bits = ((bits ^ (bits >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return bits ^ (bits >> 16)


class Messages:
    """The messages of test/support/seeded-messages.ts, of 0 bytes and more."""

    def __init__(self, seed, most):
        self.seed, self.most = seed, most
        words, state = array("I"), seed | 1
        for _ in range((most + 65536 + 3) // 4):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            words.append(state)
        self.pool = words.tobytes()

    def at(self, index):
        random = scramble(self.seed ^ scramble(index))
        length = random % (self.most + 1)
        start = scramble(random) % 65536
        return index.to_bytes(4, "little")[:length] + self.pool[start + min(4, length) : start + length]

    def verify(self, index, message):
        if message != self.at(index):
            raise SystemExit(f"Message {index} has {len(message)} bytes, or other ones; {len(self.at(index))} would be right")


def say(text):
    print(text, flush=True)


def code_of(call):
    try:
        call()
        return "OK"
    except millrace.IpcError as error:
        return error.code


def main(verb, name, *rest):
    asked = os.environ.get("RING_CAPACITY")
    options = {"capacity": int(asked)} if asked else {}
    numbers = [int(text) for text in rest if text.isdigit()]
    if verb in ("send", "send-and-stay"):
        count, seed, most = numbers
        messages = Messages(seed, most)
        with millrace.Sender(name, **options) as sender:
            say("open")
            for index in range(count):
                sender.send(messages.at(index))
            say("sent")
            if verb == "send-and-stay":
                signal.pause()
    elif verb == "receive":
        seed, most = numbers
        messages, index, code = Messages(seed, most), 0, "END"
        start = int(os.environ.get("RING_FROM", 0))
        with millrace.Receiver(name, **options) as receiver:
            say("open")
            try:
                for message in receiver:
                    messages.verify(start + index, message)
                    index += 1
            except millrace.IpcError as error:
                code = error.code
            say(f"{index} {code}")
            again = code_of(receiver.try_receive)
            say("END" if again == "OK" and receiver.ended else again)
    elif verb == "receive-and-stay":
        count, seed, most = numbers
        messages = Messages(seed, most)
        with millrace.Receiver(name, **options) as receiver:
            say("open")
            for index in range(count):
                messages.verify(index, receiver.receive())
            say("received")
            signal.pause()
    elif verb == "echo":
        with millrace.Receiver(name, **options) as receiver, millrace.Sender(rest[0], **options) as sender:
            say("open")
            for message in receiver:
                sender.send(message)
        say("END")
    elif verb == "send-until-error":
        sender = millrace.Sender(name, **options)
        say("open")
        try:
            while True:
                sender.send(bytes(numbers[0]))
        except millrace.IpcError as error:
            say(error.code)
        sender.close()
    elif verb == "hurried":
        with millrace.Sender(name, **options) as sender:
            say(code_of(lambda: sender.send(bytes(numbers[0]), timeout=0.05)))
            sender.send(b"")
        say("closed")
    elif verb == "hear":
        with millrace.Receiver(name, **options) as receiver:
            say(code_of(lambda: receiver.receive(timeout=0.02)))
            say("open")
            say(len(receiver.receive()))
    elif verb == "try":
        kind = millrace.Sender if rest[0] == "sender" else millrace.Receiver
        try:
            with kind(name, **options):
                say("OK")
        except millrace.IpcError as error:
            say(error.code)
            say(error)
    elif verb == "remove":
        found = []
        code = code_of(lambda: found.append(millrace.remove(name)))
        say("IPC_NOT_FOUND" if found == [False] else code)
    else:
        raise SystemExit(2)


main(*sys.argv[1:])
