//! Pictures that are made to fit, decoded again; and bombs.

use domain::file::{FileFormat, FileType};
use domain::model::model_of;
use image::{DynamicImage, GenericImageView, ImageFormat, Rgba, RgbaImage, load_from_memory};

use super::{ConvertError, PictureTarget, convert};
use crate::recognise::{Sample, recognise};

/// A picture with a slow change of colour from corner to corner.
fn photo(width: u32, height: u32) -> DynamicImage {
    let level = |at: u32, most: u32| u8::try_from(at * 255 / most).unwrap_or(255);
    RgbaImage::from_fn(width, height, |x, y| Rgba([level(x, width), level(y, height), 128, 255])).into()
}

/// Noise: what no format makes small.
fn noise(width: u32, height: u32) -> DynamicImage {
    let bytes = crate::craft::firmware("noise", "SIP", "V1 R1.1.1", (width * height * 3) as usize + 1024);
    let pixels = bytes[600..600 + (width * height * 3) as usize].to_vec();
    image::RgbImage::from_raw(width, height, pixels).unwrap().into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let picture = match format {
        ImageFormat::Jpeg => DynamicImage::ImageRgb8(picture.to_rgb8()),
        _ => picture.clone(),
    };
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn target(model: &str, file_type: FileType) -> PictureTarget {
    PictureTarget::of(model_of(model).unwrap(), file_type).unwrap()
}

fn facts(bytes: &[u8]) -> (FileFormat, u32, u32, u16) {
    let facts = recognise(&Sample { name: "", size: bytes.len() as u64, head: bytes, tail: bytes });
    let picture = facts.picture.unwrap();
    (facts.format, picture.width, picture.height, picture.bits)
}

#[test]
fn every_format_becomes_a_logo_of_one_bit() {
    let source = photo(300, 200);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP]
    {
        let logo = convert(&encoded(&source, format), &target("OpenStage 40", FileType::Logo)).unwrap();
        assert_eq!(facts(&logo), (FileFormat::Bmp, 144, 32, 1), "{format:?}");
        let decoded = load_from_memory(&logo).unwrap().to_luma8();
        assert!(decoded.pixels().all(|pixel| matches!(pixel.0, [0 | 255])));
        let black = decoded.pixels().filter(|pixel| pixel.0 == [0]).count();
        // 48 × 32 pixels of it are the picture, and about half of them are dark.
        assert!((400..1200).contains(&black), "{format:?}: {black}");
        assert_eq!((decoded.get_pixel(0, 16).0, decoded.get_pixel(143, 16).0), ([255], [255]));
    }
}

#[test]
fn drawn_logos_keep_their_edges_and_their_size() {
    // A black square on nothing: what shines through is white.
    let drawn = RgbaImage::from_fn(20, 20, |x, y| {
        Rgba([0, 0, 0, if (5..15).contains(&x) && (5..15).contains(&y) { 255 } else { 0 }])
    });
    let logo =
        convert(&encoded(&drawn.into(), ImageFormat::Png), &target("OpenStage 40", FileType::Logo)).unwrap();
    let decoded = load_from_memory(&logo).unwrap().to_luma8();
    for (x, y, pixel) in decoded.enumerate_pixels() {
        let inside = (67..77).contains(&x) && (11..21).contains(&y);
        assert_eq!(pixel.0 == [0], inside, "{x} {y}");
    }
}

#[test]
fn logos_screensavers_and_pictures_have_the_size_of_the_model() {
    let wide = encoded(&photo(1000, 100), ImageFormat::Png);
    let logo = convert(&wide, &target("OpenStage 60", FileType::Logo)).unwrap();
    assert_eq!(facts(&logo), (FileFormat::Png, 240, 24, 32));
    let logo =
        convert(&encoded(&photo(900, 900), ImageFormat::Jpeg), &target("OpenStage 80", FileType::Logo));
    assert_eq!(facts(&logo.unwrap()), (FileFormat::Png, 142, 142, 24));
    // Smaller ones stay as they are.
    let small = encoded(&photo(50, 20), ImageFormat::Gif);
    assert_eq!(facts(&convert(&small, &target("OpenStage 60", FileType::Logo)).unwrap()).1, 50);

    let screen = convert(&wide, &target("OpenStage 80", FileType::Screensaver)).unwrap();
    assert_eq!(facts(&screen), (FileFormat::Png, 640, 480, 24));
    let decoded = load_from_memory(&screen).unwrap();
    assert_eq!(decoded.get_pixel(320, 10), Rgba([0, 0, 0, 255]));
    assert!(decoded.get_pixel(600, 240).0[0] > 200);
    let small = convert(&small, &target("OpenStage 60", FileType::Screensaver)).unwrap();
    assert_eq!(facts(&small), (FileFormat::Png, 320, 240, 24));

    let picture =
        convert(&encoded(&noise(700, 700), ImageFormat::Png), &target("OpenStage 80", FileType::Picture));
    let picture = picture.unwrap();
    assert_eq!(facts(&picture), (FileFormat::Jpeg, 480, 480, 24));
    assert!(picture.len() <= 300_000, "{}", picture.len());
}

#[test]
fn what_cannot_be_made_small_enough_is_refused() {
    let tiny = PictureTarget { bytes: Some(2_000), ..target("OpenStage 80", FileType::Picture) };
    let result = convert(&encoded(&noise(300, 300), ImageFormat::Png), &tiny);
    assert!(matches!(result, Err(ConvertError::StillTooLarge)), "{result:?}");
}

#[test]
fn nothing_is_known_of_other_types_and_models() {
    assert_eq!(PictureTarget::of(model_of("CP700").unwrap(), FileType::Logo), None);
    assert_eq!(PictureTarget::of(model_of("OpenStage 60").unwrap(), FileType::Ringtone), None);
    assert_eq!(PictureTarget::of(model_of("OpenStage 40").unwrap(), FileType::Picture), None);
}

/// A PNG whose header claims a size that its data does not have, with the right checksum.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(&photo(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = bytes[12..29].iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    });
    bytes[29..33].copy_from_slice(&(!sum).to_be_bytes());
    bytes
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused_by_its_header() {
    let screen = target("OpenStage 80", FileType::Screensaver);
    // Its data ends at once: who decoded any of it would find it damaged.
    for (width, height) in [(60_000, 60_000), (u32::MAX, u32::MAX), (40_000_001, 1), (8_000, 8_000)] {
        let result = convert(&bomb(width, height), &screen);
        assert!(matches!(result, Err(ConvertError::TooManyPixels)), "{width}: {result:?}");
    }
    let gif = [b"GIF89a\xff\xff\xff\xff\xf0\0\0".as_slice(), &[0; 100]].concat();
    assert!(matches!(convert(&gif, &screen), Err(ConvertError::TooManyPixels)));
    // Within the bound it is only damaged: its data ends at once.
    let result = convert(&bomb(1_000, 1_000), &screen);
    assert!(matches!(result, Err(ConvertError::Damaged(_))), "{result:?}");
}

#[test]
fn what_is_no_picture_or_broken_is_refused() {
    let logo = target("OpenStage 40", FileType::Logo);
    assert!(matches!(convert(b"hello", &logo), Err(ConvertError::NotAPicture)));
    assert!(matches!(convert(b"", &logo), Err(ConvertError::NotAPicture)));
    let whole = encoded(&photo(200, 200), ImageFormat::Png);
    assert!(matches!(convert(&whole[..whole.len() / 2], &logo), Err(ConvertError::Damaged(_))));
}
