// The phone as a card: Android starts this service when a reader selects our application, whether the wallet is open or
// not. wallet/transport/nfc/SPEC.md, section 8.
package kz.qalta.hce;

import android.nfc.cardemulation.HostApduService;
import android.os.Bundle;

public final class QaltaCardService extends HostApduService {
    @Override
    public byte[] processCommandApdu(byte[] commandApdu, Bundle extras) {
        return ApduMailbox.MAILBOX.process(commandApdu, this::sendResponseApdu);
    }

    @Override
    public void onDeactivated(int reason) {
        ApduMailbox.MAILBOX.deactivated();
    }
}
