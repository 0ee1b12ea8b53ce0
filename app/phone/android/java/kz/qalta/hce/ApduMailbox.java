// Between the card service and the wallet's thread. wallet/transport/nfc/SPEC.md, section 8.
//
// Rule: the service's thread never waits for the wallet. While no wallet serves, SELECT is answered here, HELLO and PUT
// by PENDING, so that the reader asks again; a wallet that comes up in the middle of a tap is shown a SELECT of its own
// first. Nothing here is Android's, so that it can be compiled and tried anywhere.
package kz.qalta.hce;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

public final class ApduMailbox {
    /** How an answer gets back to the reader: HostApduService.sendResponseApdu. */
    public interface Sender {
        void send(byte[] response);
    }

    /** What the wallet is given: a command to answer or, with {@code apdu} null, the end of the tap. */
    public static final class Call {
        public final byte[] apdu;
        final boolean isOurs;

        Call(byte[] apdu, boolean isOurs) {
            this.apdu = apdu;
            this.isOurs = isOurs;
        }
    }

    /** One for the process: it outlives the service, which Android makes and ends as readers come and go. */
    public static final ApduMailbox MAILBOX = new ApduMailbox();

    static final byte[] SELECT = hex("00A4040007F051414C54410100");
    static final byte[] SELECTED = hex("01F000019000");
    static final byte[] PENDING = hex("839000");
    static final byte[] NOTHING = hex("819000");
    static final byte[] HAVE_NONE = hex("8400009000");
    static final byte[] OK = hex("9000");
    static final byte[] NOT_NOW = hex("6985");
    static final byte[] NOT_FOUND = hex("6A82");
    static final byte[] WRONG_DATA = hex("6A80");

    private static final int INS_SELECT = 0xA4;
    private static final int INS_ENVELOPE = 0xC3;
    private static final int MORE_FOLLOWS = 0x10;
    private static final int BY_NAME = 0x04;
    private static final int HEAD = 5;
    private static final int HELLO = 0x01;
    private static final int PUT = 0x02;
    private static final int STATUS = 0x03;
    private static final int GET = 0x04;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition called = lock.newCondition();
    private final ArrayDeque<Call> calls = new ArrayDeque<>();
    /** A wallet serves. */
    private boolean isServed;
    /** This tap's commands go to it. */
    private boolean isShown;
    /** Our application is selected; a chain is under way, whose first byte says which command it is. */
    private boolean isSelected;
    private boolean isChained;
    private int command;
    /** The call that the wallet is at; the command that the reader waits for, and the way to it. */
    private Call taken;
    private byte[] owed;
    private Sender sender;

    // the service's thread

    /** The response, or null where the wallet will give it to {@code sender}. */
    public byte[] process(byte[] apdu, Sender sender) {
        lock.lock();
        try {
            if (isSelect(apdu)) {
                forget();
            }
            boolean isWhole = !isChained;
            boolean wasSelected = isSelected;
            track(apdu);
            if (isServed && !isShown && isWhole) {
                isShown = true;
                if (wasSelected) {
                    put(new Call(SELECT, true));
                }
            }
            if (!isShown) {
                return alone(apdu);
            }
            this.sender = sender;
            owed = apdu.clone();
            put(new Call(owed, false));
            return null;
        } finally {
            lock.unlock();
        }
    }

    /** The reader left, or asked for another application. */
    public void deactivated() {
        lock.lock();
        try {
            boolean wasShown = isShown;
            forget();
            if (wasShown) {
                put(new Call(null, true));
            }
        } finally {
            lock.unlock();
        }
    }

    // the wallet's thread

    /** A wallet serves from now on. */
    public void attach() {
        lock.lock();
        try {
            isServed = true;
        } finally {
            lock.unlock();
        }
    }

    /** No wallet serves any more; a reader that waits for one is told to ask again. */
    public void detach() {
        lock.lock();
        try {
            isServed = false;
            isShown = false;
            calls.clear();
            taken = null;
            if (owed != null) {
                reply(alone(owed));
            }
        } finally {
            lock.unlock();
        }
    }

    /** The next call, or null if none came within so many milliseconds. */
    public Call take(int milliseconds) throws InterruptedException {
        lock.lock();
        try {
            long left = TimeUnit.MILLISECONDS.toNanos(milliseconds);
            while (calls.isEmpty()) {
                if (left <= 0) {
                    return null;
                }
                left = called.awaitNanos(left);
            }
            taken = calls.poll();
            return taken;
        } finally {
            lock.unlock();
        }
    }

    /** The answer to the call that was taken last. Where that tap is over, it is dropped. */
    public void answer(byte[] response) {
        lock.lock();
        try {
            Call call = taken;
            taken = null;
            if (call != null && !call.isOurs) {
                reply(response);
            }
        } finally {
            lock.unlock();
        }
    }

    // inside, under the lock

    /** A tap begins or ends. */
    private void forget() {
        calls.clear();
        taken = null;
        owed = null;
        isShown = false;
        isSelected = false;
        isChained = false;
    }

    private void put(Call call) {
        calls.add(call);
        called.signal();
    }

    private void reply(byte[] response) {
        if (owed != null) {
            owed = null;
            sender.send(response);
        }
    }

    private void track(byte[] apdu) {
        if (isSelect(apdu)) {
            isSelected = isOurs(apdu);
        } else if (isEnvelope(apdu)) {
            if (!isChained) {
                command = apdu[HEAD];
            }
            isChained = apdu[0] == MORE_FOLLOWS;
        }
    }

    /** What the card says while there is no wallet: enough of section 4 for a reader to ask again. */
    private byte[] alone(byte[] apdu) {
        if (isSelect(apdu)) {
            return isSelected ? SELECTED : NOT_FOUND;
        }
        if (!isSelected || !isEnvelope(apdu)) {
            return NOT_NOW;
        }
        if (isChained) {
            return OK;
        }
        switch (command) {
            case HELLO:
            case PUT:
                return PENDING;
            case STATUS:
                return HAVE_NONE;
            case GET:
                return NOTHING;
            default:
                return WRONG_DATA;
        }
    }

    private static boolean isSelect(byte[] apdu) {
        return apdu.length > 1 && apdu[0] == 0 && (apdu[1] & 0xFF) == INS_SELECT;
    }

    /** By our name; whether it says how many bytes may come back does not matter. */
    private static boolean isOurs(byte[] apdu) {
        int end = SELECT.length - 1;
        if (apdu.length < end || apdu[2] != BY_NAME) {
            return false;
        }
        for (int at = HEAD - 1; at < end; at++) {
            if (apdu[at] != SELECT[at]) {
                return false;
            }
        }
        return true;
    }

    private static boolean isEnvelope(byte[] apdu) {
        return apdu.length > HEAD && (apdu[1] & 0xFF) == INS_ENVELOPE;
    }

    private static byte[] hex(String digits) {
        byte[] bytes = new byte[digits.length() / 2];
        for (int at = 0; at < bytes.length; at++) {
            bytes[at] = (byte) Integer.parseInt(digits.substring(2 * at, 2 * at + 2), 16);
        }
        return bytes;
    }
}
