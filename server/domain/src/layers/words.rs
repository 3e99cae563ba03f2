//! The words of templates that are stored and shown (OSEM §6.1).

use crate::words::words;

words! {
    /// What a template is for (OSEM §6).
    TemplateKind {
        /// Its values are copied, and its files brought, once to a phone that comes for the first time (D-20).
        Onboarding = "onboarding",
        /// Its values are desired of every client it applies to, as long as it applies (D-19).
        Default = "default",
    }
}

words! {
    /// Whether a template updates the software of its clients (OSEM §6.3).
    SoftwareUpdate {
        /// Its clients are not updated.
        Disabled = "disabled",
        /// The template says nothing of it.
        Ignored = "ignored",
        /// To the software of the template, older or newer.
        Always = "always",
        /// Only to newer software.
        OnlyNewer = "only-newer",
    }
}

words! {
    /// The secure mode a template wishes for its clients (OSEM §4.5.8). Stored; acted on with secure mode.
    SecureModeWish {
        /// Default mode.
        Off = "off",
        /// Secure mode without a PIN.
        NoPin = "no-pin",
        /// Secure mode with the PIN that is the same for all.
        DefaultPin = "default-pin",
        /// Secure mode with a PIN of its own for each phone.
        IndividualPin = "individual-pin",
    }
}
