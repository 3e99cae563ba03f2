//! Pictures made to fit a model. Decoding is bounded in pixels and memory before it begins; it still takes a second and
//! some hundred MiB at the most, so callers do it off the asynchronous threads and one at a time.

use std::io::Cursor;

use domain::file::{FileFormat, FileType};
use domain::model::DeviceModel;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::{FilterType, overlay};
use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat,
    ImageReader, Limits, Luma, Rgb, RgbImage, imageops,
};
use thiserror::Error;

use crate::picture;

/// Most pixels of a picture that is converted.
pub const MOST_PIXELS: u64 = 40_000_000;

/// Most memory the decoder may take, in bytes.
const MOST_MEMORY: u64 = 256 * 1024 * 1024;

/// Height of a logo on phones whose sources disagree about it (`wpi.md` §4.6.2): 148 in one, 142 in others.
const SAFE_LOGO_HEIGHTS: (u32, u32) = (148, 142);

/// What a picture shall become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureTarget {
    /// Format: BMP with 1 bit, PNG or JPEG.
    pub format: FileFormat,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether it is exactly so large, with bars where the proportions differ; otherwise no larger.
    pub exact: bool,
    /// Most bytes.
    pub bytes: Option<u64>,
}

impl PictureTarget {
    /// What pictures of this type are on this model; `None` when the type has no pictures or not enough is known of the
    /// model.
    pub fn of(model: &DeviceModel, file_type: FileType) -> Option<Self> {
        if !matches!(file_type, FileType::Logo | FileType::Screensaver | FileType::Picture) {
            return None;
        }
        let limits = model.limits(file_type)?;
        let format = *limits.formats.first()?;
        let (width, height) = (limits.width?, limits.height?);
        let (unsafe_height, safe_height) = SAFE_LOGO_HEIGHTS;
        let logo = file_type == FileType::Logo;
        let height = if logo && height == unsafe_height { safe_height } else { height };
        // A logo of 1 bit fills its place, because nothing can be transparent; screensavers fill the display.
        let exact = format == FileFormat::Bmp || file_type == FileType::Screensaver;
        Some(Self { format, width, height, exact, bytes: limits.bytes })
    }

    /// Extension of the name of such a file, without the dot.
    pub fn extension(&self) -> &'static str {
        match self.format {
            FileFormat::Bmp => "bmp",
            FileFormat::Jpeg => "jpg",
            _ => "png",
        }
    }
}

/// Why a picture was not converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// It is no picture of a format known here.
    #[error("the file is no picture")]
    NotAPicture,
    /// It has, or claims to have, more than [`MOST_PIXELS`], or would need too much memory.
    #[error("the picture is too large")]
    TooManyPixels,
    /// It is damaged.
    #[error("the picture is damaged")]
    Damaged(#[source] ImageError),
    /// It does not get as small as it must be.
    #[error("the picture cannot be made small enough")]
    StillTooLarge,
    /// It could not be written.
    #[error("writing the picture")]
    Encode(#[source] ImageError),
}

impl ConvertError {
    /// Stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPicture => "not-a-picture",
            Self::TooManyPixels => "too-many-pixels",
            Self::Damaged(_) => "damaged",
            Self::StillTooLarge => "still-too-large",
            Self::Encode(_) => "encode",
        }
    }
}

/// A picture (PNG, JPEG, BMP, GIF, WebP; of several frames the first) made to fit. Turned as its EXIF data says, never
/// distorted, and enlarged only to fill a display.
///
/// # Errors
/// [`ConvertError`] says why it cannot be made.
pub fn convert(bytes: &[u8], target: &PictureTarget) -> Result<Vec<u8>, ConvertError> {
    let picture = decode(bytes)?;
    match target.format {
        FileFormat::Bmp => Ok(one_bit(&picture, target)),
        FileFormat::Jpeg => jpeg(&picture, target),
        _ => png(&picture, target),
    }
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, ConvertError> {
    let facts = picture::recognise(bytes).ok_or(ConvertError::NotAPicture)?;
    let claimed = facts.picture.ok_or(ConvertError::NotAPicture)?;
    bounded(claimed.width, claimed.height)?;
    let format = match facts.format {
        FileFormat::Png => ImageFormat::Png,
        FileFormat::Jpeg => ImageFormat::Jpeg,
        FileFormat::Bmp => ImageFormat::Bmp,
        FileFormat::Gif => ImageFormat::Gif,
        FileFormat::Webp => ImageFormat::WebP,
        _ => return Err(ConvertError::NotAPicture),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    // The decoder may have found another size than we did.
    let (width, height) = decoder.dimensions();
    bounded(width, height)?;
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(ConvertError::TooManyPixels);
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn bounded(width: u32, height: u32) -> Result<(), ConvertError> {
    let fits = u64::from(width).saturating_mul(u64::from(height)) <= MOST_PIXELS;
    if fits { Ok(()) } else { Err(ConvertError::TooManyPixels) }
}

fn damaged(error: ImageError) -> ConvertError {
    match error {
        ImageError::Limits(_) => ConvertError::TooManyPixels,
        error => ConvertError::Damaged(error),
    }
}

/// The picture inside a box, with its proportions; larger only when `enlarge`.
fn inside(picture: &DynamicImage, width: u32, height: u32, enlarge: bool) -> DynamicImage {
    if !enlarge && picture.width() <= width && picture.height() <= height {
        return picture.clone();
    }
    // Large pictures are first made smaller by whole pixels, which is quick.
    let large = picture.width() > width.saturating_mul(8) && picture.height() > height.saturating_mul(8);
    if large {
        let rough = picture.thumbnail(width.saturating_mul(4), height.saturating_mul(4));
        return rough.resize(width, height, FilterType::Lanczos3);
    }
    picture.resize(width, height, FilterType::Lanczos3)
}

/// Whatever shines through a picture is this colour instead.
fn opaque(picture: &DynamicImage, behind: Rgb<u8>) -> RgbImage {
    let mut out = RgbImage::new(picture.width(), picture.height());
    for (to, from) in out.pixels_mut().zip(picture.to_rgba8().pixels()) {
        let [red, green, blue, alpha] = from.0;
        let [below_red, below_green, below_blue] = behind.0;
        let mix = |above: u8, below: u8| {
            let sum = u16::from(above) * u16::from(alpha) + u16::from(below) * u16::from(255 - alpha);
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([mix(red, below_red), mix(green, below_green), mix(blue, below_blue)]);
    }
    out
}

/// The picture in the middle of an area of one colour.
fn centred(picture: &RgbImage, width: u32, height: u32, behind: Rgb<u8>) -> RgbImage {
    let mut out = RgbImage::from_pixel(width, height, behind);
    let left = i64::from(width.saturating_sub(picture.width()) / 2);
    let top = i64::from(height.saturating_sub(picture.height()) / 2);
    overlay(&mut out, picture, left, top);
    out
}

const WHITE: Rgb<u8> = Rgb([255, 255, 255]);
const BLACK: Rgb<u8> = Rgb([0, 0, 0]);

fn one_bit(picture: &DynamicImage, target: &PictureTarget) -> Vec<u8> {
    let small = opaque(&inside(picture, target.width, target.height, false), WHITE);
    let mut grey = imageops::grayscale(&centred(&small, target.width, target.height, WHITE));
    if is_two_toned(&grey) {
        grey.pixels_mut().for_each(|Luma([level])| *level = if *level < 128 { 0 } else { 255 });
    } else {
        imageops::dither(&mut grey, &imageops::BiLevel);
    }
    one_bit_bmp(&grey)
}

/// Whether nearly all of it is black or white already, as drawn logos are: dithering would fray their edges.
fn is_two_toned(grey: &GrayImage) -> bool {
    let clear = grey.pixels().filter(|Luma([level])| !(64..192).contains(level)).count();
    clear * 10 >= grey.pixels().len() * 9
}

/// A Windows bitmap of 1 bit for each pixel: header, black and white, rows from the bottom, each of whole 32 bits.
fn one_bit_bmp(grey: &GrayImage) -> Vec<u8> {
    const HEADERS: u32 = 14 + 40 + 8;
    let (width, height) = grey.dimensions();
    let row_bytes = width.div_ceil(32) * 4;
    let pixels = row_bytes * height;
    let mut out = Vec::new();
    out.extend(b"BM");
    out.extend((HEADERS + pixels).to_le_bytes());
    out.extend([0; 4]);
    out.extend(HEADERS.to_le_bytes());
    out.extend(40_u32.to_le_bytes());
    out.extend(width.to_le_bytes());
    out.extend(height.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(pixels.to_le_bytes());
    // 72 dots in an inch.
    out.extend(2835_u32.to_le_bytes());
    out.extend(2835_u32.to_le_bytes());
    out.extend(2_u32.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend([0, 0, 0, 0, 255, 255, 255, 0]);
    for row in (0..height).rev() {
        let bits = (0..row_bytes * 8).map(|column| column < width && grey.get_pixel(column, row).0 != [0]);
        let mut byte = 0_u8;
        for (place, white) in bits.enumerate() {
            byte = (byte << 1) | u8::from(white);
            if place % 8 == 7 {
                out.push(byte);
            }
        }
    }
    out
}

fn png(picture: &DynamicImage, target: &PictureTarget) -> Result<Vec<u8>, ConvertError> {
    let small = inside(picture, target.width, target.height, target.exact);
    let small = if target.exact {
        DynamicImage::ImageRgb8(centred(&opaque(&small, BLACK), target.width, target.height, BLACK))
    } else if small.color().has_alpha() {
        DynamicImage::ImageRgba8(small.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(small.to_rgb8())
    };
    let mut out = Vec::new();
    small.write_with_encoder(PngEncoder::new(&mut out)).map_err(ConvertError::Encode)?;
    small_enough(out, target).ok_or(ConvertError::StillTooLarge)
}

/// With as much quality as the limit of bytes allows.
fn jpeg(picture: &DynamicImage, target: &PictureTarget) -> Result<Vec<u8>, ConvertError> {
    let small = opaque(&inside(picture, target.width, target.height, target.exact), WHITE);
    let small = if target.exact { centred(&small, target.width, target.height, BLACK) } else { small };
    for quality in [90, 80, 70, 55, 40, 25] {
        let mut out = Vec::new();
        JpegEncoder::new_with_quality(&mut out, quality)
            .write_image(small.as_raw(), small.width(), small.height(), ExtendedColorType::Rgb8)
            .map_err(ConvertError::Encode)?;
        if let Some(out) = small_enough(out, target) {
            return Ok(out);
        }
    }
    Err(ConvertError::StillTooLarge)
}

fn small_enough(out: Vec<u8>, target: &PictureTarget) -> Option<Vec<u8>> {
    let length = u64::try_from(out.len()).ok()?;
    target.bytes.is_none_or(|most| length <= most).then_some(out)
}

#[cfg(test)]
mod tests;
