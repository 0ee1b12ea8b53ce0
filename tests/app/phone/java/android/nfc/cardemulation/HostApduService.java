// As much of Android's class as QaltaCardService uses, to compile it against.
package android.nfc.cardemulation;

import android.os.Bundle;

public abstract class HostApduService {
    public abstract byte[] processCommandApdu(byte[] commandApdu, Bundle extras);

    public abstract void onDeactivated(int reason);

    public final void sendResponseApdu(byte[] responseApdu) {}
}
