//! Which phone can have which file (`wpi.md` §4.6.2, §4.6.6, §7.3). Limits of models are data (`crate::model`); what is
//! not known of a model is allowed, because then "formats of their own manuals apply".

use super::{FileFacts, FileFormat, FileType, PictureFacts, same_family};
use crate::model::{DeviceModel, FileLimits, models};
use crate::words::words;

/// What is judged of a file.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// What it is for.
    pub file_type: FileType,
    /// What its content is.
    pub facts: &'a FileFacts,
    /// Bytes.
    pub size: u64,
    /// Short names of the models it is for; none is not said.
    pub models: &'a [String],
    /// Family of software, `SIP` or `HFA`.
    pub software_type: Option<&'a str>,
}

words! {
    /// Why a phone cannot have a file.
    Misfit {
        /// The model takes no files of this type.
        TypeNotForModel = "type-not-for-model",
        /// The model takes other formats.
        FormatNotForModel = "format-not-for-model",
        /// The picture is larger than the model takes.
        PictureSize = "picture-size",
        /// The picture has another depth of colour than the model takes.
        PictureDepth = "picture-depth",
        /// The file has more bytes than the model takes.
        TooLarge = "too-large",
        /// The file is for other models.
        OtherModel = "other-model",
        /// Whether software fits cannot be said: the model of the phone or of the file is not known.
        ModelUnknown = "model-unknown",
    }
}

impl Misfit {
    /// Stable code of the reason.
    pub fn code(self) -> &'static str {
        self.as_str()
    }
}

words! {
    /// What is remarkable about a file.
    Remark {
        /// No known model can have it.
        FitsNoModel = "fits-no-model",
        /// It is not as large as the display, so that phones scale it.
        PictureScaled = "picture-scaled",
    }
}

impl Remark {
    /// Stable code of the remark.
    pub fn code(self) -> &'static str {
        self.as_str()
    }
}

/// Whether a phone of a model can have the file. `None` is a phone whose model is not known: it can have everything but
/// software.
///
/// Another family of software (SIP, HFA) is no misfit; see [`family_changes`].
///
/// # Errors
/// [`Misfit`] says why not; of several reasons the first.
pub fn fits(file: &Described<'_>, model: Option<&DeviceModel>) -> Result<(), Misfit> {
    if !could_be(file.file_type, file.facts.format) {
        return Err(Misfit::FormatNotForModel);
    }
    let software = file.file_type == FileType::Software;
    let Some(model) = model else {
        return if software || !file.models.is_empty() { Err(Misfit::ModelUnknown) } else { Ok(()) };
    };
    if software && file.models.is_empty() {
        return Err(Misfit::ModelUnknown);
    }
    if !file.models.is_empty() && !file.models.contains(&model.name) {
        return Err(Misfit::OtherModel);
    }
    if !model.takes(file.file_type) {
        return Err(Misfit::TypeNotForModel);
    }
    if software {
        let family =
            file.software_type.filter(|family| !model.software_types.iter().any(|has| has == family));
        return if family.is_some() { Err(Misfit::OtherModel) } else { Ok(()) };
    }
    model.limits(file.file_type).map_or(Ok(()), |limits| within(file, limits))
}

/// Whether software of one family would come onto a phone that runs the other one; its settings that are not shared are
/// lost (`wpi.md` §4.6.6). What is not known does not change.
pub fn family_changes(software_type_of_file: Option<&str>, running: Option<&str>) -> bool {
    match (software_type_of_file, running) {
        (Some(file), Some(running)) => !same_family(file, running),
        _ => false,
    }
}

/// What is remarkable about a file, for lists.
pub fn remarks(file: &Described<'_>) -> Vec<Remark> {
    if file.file_type == FileType::Software && file.models.is_empty() {
        // Somebody has to say its models first.
        return Vec::new();
    }
    let fitting: Vec<&DeviceModel> =
        models().iter().filter(|model| fits(file, Some(model)).is_ok()).collect();
    if fitting.is_empty() {
        return vec![Remark::FitsNoModel];
    }
    let scaled = file.facts.picture.is_some_and(|picture| {
        file.file_type == FileType::Screensaver
            && !fitting
                .iter()
                .filter_map(|model| model.limits(file.file_type))
                .any(|limits| (limits.width, limits.height) == (Some(picture.width), Some(picture.height)))
    });
    if scaled { vec![Remark::PictureScaled] } else { Vec::new() }
}

/// Whether a format can be this type at all, whatever the model.
fn could_be(file_type: FileType, format: FileFormat) -> bool {
    use FileFormat::{Archive, Bmp, Firmware, Gif, Jpeg, Midi, Mp3, Other, Png, Text, Wav, Webp};
    match format {
        Gif | Webp => false,
        // Images of CP phones cannot be read: one that looks like an archive may be one.
        Archive | Firmware => file_type == FileType::Software,
        Wav | Midi | Mp3 => matches!(file_type, FileType::Ringtone | FileType::MusicOnHold),
        Png | Jpeg | Bmp => matches!(file_type, FileType::Logo | FileType::Screensaver | FileType::Picture),
        Text => matches!(file_type, FileType::LdapTemplate | FileType::Dongle),
        Other => true,
    }
}

fn within(file: &Described<'_>, limits: &FileLimits) -> Result<(), Misfit> {
    if !limits.formats.is_empty() && !limits.formats.contains(&file.facts.format) {
        return Err(Misfit::FormatNotForModel);
    }
    if let Some(picture) = file.facts.picture {
        if limits.bits.is_some_and(|bits| bits != picture.bits) {
            return Err(Misfit::PictureDepth);
        }
        if file.file_type == FileType::Logo && exceeds(picture, limits) {
            return Err(Misfit::PictureSize);
        }
    }
    if limits.bytes.is_some_and(|most| file.size > most) {
        return Err(Misfit::TooLarge);
    }
    Ok(())
}

fn exceeds(picture: PictureFacts, limits: &FileLimits) -> bool {
    limits.width.is_some_and(|most| picture.width > most)
        || limits.height.is_some_and(|most| picture.height > most)
}

#[cfg(test)]
mod tests {
    use super::{Described, Misfit, Remark, family_changes, fits, remarks};
    use crate::file::{FileFacts, FileFormat, FileType, PictureFacts};
    use crate::model::model_of;

    fn picture(format: FileFormat, width: u32, height: u32, bits: u16) -> FileFacts {
        FileFacts { picture: Some(PictureFacts { width, height, bits }), ..FileFacts::plain(format) }
    }

    fn judge(file_type: FileType, facts: &FileFacts, size: u64, model: &str) -> Result<(), Misfit> {
        fits(&Described { file_type, facts, size, models: &[], software_type: None }, model_of(model))
    }

    #[test]
    fn logos_have_the_format_size_and_depth_of_the_model() {
        let logo = |facts, model| judge(FileType::Logo, &facts, 1_000, model);
        assert_eq!(logo(picture(FileFormat::Bmp, 144, 32, 1), "OpenStage 40"), Ok(()));
        assert_eq!(logo(picture(FileFormat::Bmp, 100, 30, 1), "OpenStage 40"), Ok(()));
        assert_eq!(logo(picture(FileFormat::Bmp, 145, 32, 1), "OpenStage 40"), Err(Misfit::PictureSize));
        assert_eq!(logo(picture(FileFormat::Bmp, 144, 33, 1), "OpenStage 40"), Err(Misfit::PictureSize));
        assert_eq!(logo(picture(FileFormat::Bmp, 144, 32, 24), "OpenStage 40"), Err(Misfit::PictureDepth));
        assert_eq!(
            logo(picture(FileFormat::Png, 144, 32, 1), "OpenStage 40"),
            Err(Misfit::FormatNotForModel)
        );
        assert_eq!(
            logo(picture(FileFormat::Bmp, 144, 32, 1), "OpenStage 60"),
            Err(Misfit::FormatNotForModel)
        );
        assert_eq!(logo(picture(FileFormat::Png, 480, 148, 24), "OpenStage 80"), Ok(()));
        assert_eq!(logo(picture(FileFormat::Png, 480, 148, 24), "OpenStage 60"), Err(Misfit::PictureSize));
        assert_eq!(
            logo(picture(FileFormat::Png, 480, 148, 24), "OpenStage 20"),
            Err(Misfit::TypeNotForModel)
        );
        // Nothing is known of the formats of CP phones, so that they get what a picture can be.
        assert_eq!(logo(picture(FileFormat::Png, 4_800, 148, 24), "CP600"), Ok(()));
        assert_eq!(logo(picture(FileFormat::Gif, 48, 14, 8), "CP600"), Err(Misfit::FormatNotForModel));
    }

    #[test]
    fn sounds_texts_and_pictures_are_judged_by_format_and_bytes() {
        let plain = |file_type, format, size, model| judge(file_type, &FileFacts::plain(format), size, model);
        assert_eq!(plain(FileType::Ringtone, FileFormat::Mp3, 9, "OpenStage 60"), Ok(()));
        assert_eq!(
            plain(FileType::Ringtone, FileFormat::Mp3, 9, "OpenStage 40"),
            Err(Misfit::FormatNotForModel)
        );
        assert_eq!(plain(FileType::MusicOnHold, FileFormat::Wav, 9, "OpenStage 20"), Ok(()));
        assert_eq!(plain(FileType::Ringtone, FileFormat::Wav, 9, "CP100"), Err(Misfit::TypeNotForModel));
        assert_eq!(plain(FileType::Ringtone, FileFormat::Text, 9, "CP700"), Err(Misfit::FormatNotForModel));
        assert_eq!(plain(FileType::LdapTemplate, FileFormat::Text, 9, "OpenStage 40"), Ok(()));
        assert_eq!(plain(FileType::Dongle, FileFormat::Other, 9, "OpenStage 15"), Ok(()));
        assert_eq!(
            plain(FileType::Ringtone, FileFormat::Archive, 9, "CP700"),
            Err(Misfit::FormatNotForModel)
        );
        let photo = picture(FileFormat::Jpeg, 4_000, 3_000, 24);
        assert_eq!(judge(FileType::Picture, &photo, 300_000, "OpenStage 80"), Ok(()));
        assert_eq!(judge(FileType::Picture, &photo, 300_001, "OpenStage 80"), Err(Misfit::TooLarge));
        // A phone of a model nobody knows gets everything but software.
        assert_eq!(plain(FileType::Ringtone, FileFormat::Mp3, 9, "Toaster 9000"), Ok(()));
        assert_eq!(
            plain(FileType::Software, FileFormat::Other, 9, "Toaster 9000"),
            Err(Misfit::ModelUnknown)
        );
    }

    #[test]
    fn software_is_for_its_models() {
        let facts = FileFacts::plain(FileFormat::Firmware);
        let models = ["OpenStage 40".to_owned()];
        let file = |models, software_type| Described {
            file_type: FileType::Software,
            facts: &facts,
            size: 1 << 30,
            models,
            software_type,
        };
        assert_eq!(fits(&file(&models, Some("SIP")), model_of("OpenStage 40 G")), Err(Misfit::ModelUnknown));
        assert_eq!(fits(&file(&models, Some("SIP")), model_of("OpenStage 40")), Ok(()));
        assert_eq!(fits(&file(&models, Some("GW")), model_of("OpenStage 40")), Err(Misfit::OtherModel));
        assert_eq!(fits(&file(&models, Some("SIP")), model_of("OpenStage 60")), Err(Misfit::OtherModel));
        assert_eq!(fits(&file(&[], Some("SIP")), model_of("OpenStage 60")), Err(Misfit::ModelUnknown));
        // An image of a CP phone may look like an archive.
        let archive = FileFacts::plain(FileFormat::Archive);
        let packed = Described { facts: &archive, ..file(&models, Some("SIP")) };
        assert_eq!(fits(&packed, model_of("OpenStage 40")), Ok(()));
        assert_eq!(fits(&packed, model_of("OpenStage 60")), Err(Misfit::OtherModel));
        let text = FileFacts::plain(FileFormat::Text);
        let wrong = Described { facts: &text, ..file(&models, None) };
        assert_eq!(fits(&wrong, model_of("OpenStage 40")), Err(Misfit::FormatNotForModel));
    }

    #[test]
    fn a_change_of_family_is_told_apart() {
        assert!(family_changes(Some("HFA"), Some("Siemens SIP")));
        assert!(!family_changes(Some("SIP"), Some("Siemens SIP")));
        assert!(!family_changes(None, Some("SIP")));
        assert!(!family_changes(Some("HFA"), None));
    }

    #[test]
    fn what_fits_nobody_or_is_scaled_is_remarked() {
        let remarks = |file_type, facts: &FileFacts| {
            remarks(&Described { file_type, facts, size: 9, models: &[], software_type: None })
        };
        let gif = picture(FileFormat::Gif, 10, 10, 8);
        assert_eq!(remarks(FileType::Logo, &gif), [Remark::FitsNoModel]);
        assert_eq!(remarks(FileType::Screensaver, &picture(FileFormat::Png, 320, 240, 24)), []);
        assert_eq!(
            remarks(FileType::Screensaver, &picture(FileFormat::Png, 300, 240, 24)),
            [Remark::PictureScaled]
        );
        assert_eq!(remarks(FileType::Logo, &picture(FileFormat::Png, 100, 30, 24)), []);
    }
}
