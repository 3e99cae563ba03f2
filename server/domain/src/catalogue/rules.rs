//! Rules across fields (OSEM §7).
